#pragma once

// The faults that inject.cc injects, and the system calls that can have them.

#include <sys/syscall.h>

#include <cerrno>

namespace ops::tests {

struct Fault {
  const char* name;
  unsigned bit;
  int error;
};

enum : unsigned { kKill = 1, kNoSpace = 2, kIo = 4, kTooMany = 8, kShort = 16 };

inline constexpr Fault kFaults[] = {
    {"kill", kKill, 0}, {"ENOSPC", kNoSpace, ENOSPC}, {"EIO", kIo, EIO}, {"EMFILE", kTooMany, EMFILE}, {"short", kShort, 0}};

/// The argument that names the object of a call.
enum class Shows { nothing, path, second_path, descriptor };

struct Call {
  long number;
  const char* name;
  unsigned faults;
  Shows shows = Shows::nothing;
};

/// Every call on files, processes or the network. Calls on memory, locks, clocks, signal masks and waits are not here: they
/// change nothing outside the program, so a kill at such a call equals a kill at the next call of this table.
inline constexpr Call kCalls[] = {
    {SYS_open, "open", kKill | kNoSpace | kIo | kTooMany, Shows::path},
    {SYS_stat, "stat", kKill | kIo, Shows::path},
    {SYS_lstat, "lstat", kKill | kIo, Shows::path},
    {SYS_access, "access", kKill | kIo, Shows::path},
    {SYS_mkdir, "mkdir", kKill | kNoSpace | kIo, Shows::path},
    {SYS_rmdir, "rmdir", kKill | kIo, Shows::path},
    {SYS_rename, "rename", kKill | kNoSpace | kIo, Shows::path},
    {SYS_link, "link", kKill | kNoSpace | kIo, Shows::path},
    {SYS_unlink, "unlink", kKill | kIo, Shows::path},
    {SYS_symlink, "symlink", kKill | kNoSpace | kIo, Shows::path},
    {SYS_readlink, "readlink", kKill | kIo, Shows::path},
    {SYS_chmod, "chmod", kKill | kIo, Shows::path},
    {SYS_pipe, "pipe", kKill | kTooMany},
    {SYS_dup2, "dup2", kKill, Shows::descriptor},
    {SYS_getdents, "getdents", kKill | kIo, Shows::descriptor},
    {SYS_fork, "fork", kKill},
    {SYS_vfork, "vfork", kKill},
    {SYS_openat, "openat", kKill | kNoSpace | kIo | kTooMany, Shows::second_path},
    {SYS_newfstatat, "newfstatat", kKill | kIo, Shows::second_path},
    {SYS_statx, "statx", kKill | kIo, Shows::second_path},
    {SYS_statfs, "statfs", kKill | kIo, Shows::path},
    {SYS_fstatfs, "fstatfs", kKill | kIo, Shows::descriptor},
    {SYS_faccessat, "faccessat", kKill | kIo, Shows::second_path},
    {SYS_faccessat2, "faccessat2", kKill | kIo, Shows::second_path},
    {SYS_mkdirat, "mkdirat", kKill | kNoSpace | kIo, Shows::second_path},
    {SYS_renameat, "renameat", kKill | kNoSpace | kIo, Shows::second_path},
    {SYS_renameat2, "renameat2", kKill | kNoSpace | kIo, Shows::second_path},
    {SYS_linkat, "linkat", kKill | kNoSpace | kIo, Shows::second_path},
    {SYS_unlinkat, "unlinkat", kKill | kIo, Shows::second_path},
    {SYS_symlinkat, "symlinkat", kKill | kNoSpace | kIo, Shows::path},
    {SYS_readlinkat, "readlinkat", kKill | kIo, Shows::second_path},
    {SYS_fchmodat, "fchmodat", kKill | kIo, Shows::second_path},
    {SYS_utimensat, "utimensat", kKill | kIo, Shows::second_path},
    {SYS_chdir, "chdir", kKill | kIo, Shows::path},
    {SYS_getcwd, "getcwd", kKill},
    {SYS_read, "read", kKill | kIo | kShort, Shows::descriptor},
    {SYS_pread64, "pread64", kKill | kIo | kShort, Shows::descriptor},
    {SYS_readv, "readv", kKill | kIo, Shows::descriptor},
    {SYS_write, "write", kKill | kNoSpace | kIo | kShort, Shows::descriptor},
    {SYS_pwrite64, "pwrite64", kKill | kNoSpace | kIo | kShort, Shows::descriptor},
    {SYS_writev, "writev", kKill | kNoSpace | kIo, Shows::descriptor},
    {SYS_lseek, "lseek", kKill | kIo, Shows::descriptor},
    {SYS_fstat, "fstat", kKill | kIo, Shows::descriptor},
    {SYS_fsync, "fsync", kKill | kNoSpace | kIo, Shows::descriptor},
    {SYS_fdatasync, "fdatasync", kKill | kNoSpace | kIo, Shows::descriptor},
    {SYS_ftruncate, "ftruncate", kKill | kNoSpace | kIo, Shows::descriptor},
    {SYS_fallocate, "fallocate", kKill | kNoSpace | kIo, Shows::descriptor},
    {SYS_fchmod, "fchmod", kKill | kIo, Shows::descriptor},
    {SYS_getdents64, "getdents64", kKill | kIo, Shows::descriptor},
    {SYS_flock, "flock", kKill | kIo, Shows::descriptor},
    {SYS_fcntl, "fcntl", kKill, Shows::descriptor},
    {SYS_close, "close", kKill, Shows::descriptor},  // closes the descriptor even when it returns an error
    {SYS_dup, "dup", kKill | kTooMany, Shows::descriptor},
    {SYS_dup3, "dup3", kKill, Shows::descriptor},
    {SYS_pipe2, "pipe2", kKill | kTooMany},
    {SYS_eventfd2, "eventfd2", kKill | kTooMany},
    {SYS_epoll_create1, "epoll_create1", kKill | kTooMany},
    {SYS_socket, "socket", kKill | kTooMany},
    {SYS_socketpair, "socketpair", kKill | kTooMany},
    {SYS_connect, "connect", kKill, Shows::descriptor},
    {SYS_bind, "bind", kKill, Shows::descriptor},
    {SYS_listen, "listen", kKill, Shows::descriptor},
    {SYS_accept, "accept", kKill | kTooMany, Shows::descriptor},
    {SYS_accept4, "accept4", kKill | kTooMany, Shows::descriptor},
    {SYS_getsockname, "getsockname", kKill, Shows::descriptor},
    {SYS_getpeername, "getpeername", kKill, Shows::descriptor},
    {SYS_setsockopt, "setsockopt", kKill, Shows::descriptor},
    {SYS_getsockopt, "getsockopt", kKill, Shows::descriptor},
    {SYS_shutdown, "shutdown", kKill, Shows::descriptor},
    {SYS_sendto, "sendto", kKill | kIo | kShort, Shows::descriptor},
    {SYS_recvfrom, "recvfrom", kKill | kIo | kShort, Shows::descriptor},
    {SYS_sendmsg, "sendmsg", kKill | kIo, Shows::descriptor},
    {SYS_recvmsg, "recvmsg", kKill | kIo, Shows::descriptor},
    {SYS_clone, "clone", kKill},
    {SYS_clone3, "clone3", kKill},
    {SYS_wait4, "wait4", kKill},
    {SYS_waitid, "waitid", kKill},
    {SYS_kill, "kill", kKill},
    {SYS_pidfd_open, "pidfd_open", kKill | kTooMany},
    {SYS_exit_group, "exit_group", kKill},
};

}  // namespace ops::tests
