#include "tests/support/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/wait.h"

namespace ops::tests {

Terminal::Terminal(const std::vector<std::string>& command, const std::string& folder, unsigned short columns,
                   unsigned short rows)
    : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)) {
  char slave[64] = "";
  if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0 || ::ptsname_r(master_, slave, sizeof slave) != 0) {
    ADD_FAILURE() << "cannot open a pseudo-terminal";
    return;
  }
  const winsize size{rows, columns, 0, 0};
  ::ioctl(master_, TIOCSWINSZ, &size);
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, slave, O_RDWR, 0);
  ::posix_spawn_file_actions_adddup2(&files, STDIN_FILENO, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, STDIN_FILENO, STDERR_FILENO);
  ::posix_spawn_file_actions_addchdir_np(&files, folder.c_str());
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);  // the terminal becomes the program's controlling terminal
  if (::posix_spawnp(&pid_, arguments[0], &files, &attributes, arguments.data(), environ) != 0) {
    ADD_FAILURE() << "cannot run " << command[0];
    pid_ = -1;
  }
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
}

Terminal::~Terminal() {
  if (pid_ > 0) {
    ::kill(-pid_, SIGKILL);  // the session's process group, which the program leads
    wait();
  }
  if (master_ >= 0) ::close(master_);
}

const std::string& Terminal::output() {
  char piece[4096];
  for (ssize_t size = 0; (size = ::read(master_, piece, sizeof piece)) > 0;) output_.append(piece, static_cast<size_t>(size));
  return output_;
}

bool Terminal::shows(const std::string& text) {
  const auto found = [&] { return output().find(text) != std::string::npos; };
  return eventually([&] { return found() || wait(std::chrono::seconds(0)) >= 0; }) && found();
}

void Terminal::type(const std::string& keys) const {
  EXPECT_EQ(::write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
}

int Terminal::wait(std::chrono::seconds deadline) {
  const auto has_ended = [&] {
    output();  // so that the program does not block on a full terminal
    if (pid_ < 0) return true;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    pid_ = -1;
    return true;
  };
  if (!eventually(has_ended, deadline)) return -1;
  output();
  return exit_code_;
}

}  // namespace ops::tests
