#include "tests/support/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace ops::tests {

namespace fs = std::filesystem;

namespace {

pid_t spawn(const std::vector<std::string>& command, const std::string& folder, const std::string& output_file) {
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  if (!folder.empty()) ::posix_spawn_file_actions_addchdir_np(&files, folder.c_str());
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, arguments[0], &files, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) ADD_FAILURE() << "cannot run " << command[0] << ": " << std::strerror(error);
  return error == 0 ? pid : -1;
}

/// The state letter and the parent's pid in /proc/PID/stat.
std::pair<char, pid_t> state_and_parent(const std::string& pid) {
  std::string text = read_file("/proc/" + pid + "/stat");
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {'X', -1};
  char state = 'X';
  pid_t parent = -1;
  std::istringstream(text.substr(name_end + 1)) >> state >> parent;
  return {state, parent};
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const std::string& folder, const std::string& output_file)
    : pid_(spawn(command, folder, output_file)) {}

Process::Process(Process&& other) noexcept : pid_(std::exchange(other.pid_, -1)), exit_code_(other.exit_code_) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this != &other) {
    kill();
    pid_ = std::exchange(other.pid_, -1);
    exit_code_ = other.exit_code_;
  }
  return *this;
}

Process::~Process() { kill(); }

bool Process::is_running() {
  if (pid_ < 0) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  pid_ = -1;
  return false;
}

void Process::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

int Process::wait(std::chrono::seconds deadline) {
  return eventually([&] { return !is_running(); }, deadline) ? exit_code_ : -1;
}

int Process::stop() {
  signal(SIGTERM);
  return wait();
}

void Process::kill() {
  signal(SIGKILL);
  wait();
}

Finished run(const std::vector<std::string>& command, const std::string& folder, std::chrono::seconds deadline) {
  const TempDir scratch;
  const std::string output = scratch / "output";
  Process process(command, folder, output);
  Finished finished;
  finished.exit_code = process.wait(deadline);
  finished.output = read_file(output);
  return finished;
}

void send_signal(pid_t pid, int number) {
  if (pid > 1) {
    ::kill(pid, number);
  } else {
    ADD_FAILURE() << "no process to signal: pid " << pid;
  }
}

bool is_alive(pid_t pid) {
  const char state = state_and_parent(std::to_string(pid)).first;
  return state != 'X' && state != 'Z';
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  for (const std::string& name : list("/proc")) {
    if (name.find_first_not_of("0123456789") == std::string::npos && state_and_parent(name).second == pid) {
      children.push_back(std::stoi(name));
    }
  }
  return children;
}

}  // namespace ops::tests
