#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/daemon/daemon.h"
#include "common/release/control_text.h"
#include "common/release/inspection.h"
#include "common/tls/tls.h"
#include "meta/config/publish_location.h"
#include "meta/config/release_check.h"
#include "meta/lead.h"
#include "meta/standby/followed_state.h"

namespace {

using namespace ops;

constexpr int kBadConfig = 2;  // exit code, the same as that of print_config_check()

int fail(const std::string& why, int exit_code = EXIT_FAILURE) {
  print_failure("ops-meta", why);
  return exit_code;
}

/// For ./control publish: prints on stderr the reason why hosts would refuse the release, or warnings about its content.
int check_release(const std::string& tarball) {
  ReleaseFindings findings;
  if (const auto refused = inspect_release(tarball, {}, {}, findings)) {
    std::cerr << refused->error.within(std::filesystem::path(tarball).filename().string()).message << "\n";
    return EXIT_FAILURE;
  }
  if (const std::string program = missing_interpreter(findings.control); !program.empty()) {
    findings.warnings.push_back(
        cat("the first line of control names ", program, ", which this machine does not have; hosts need it"));
  }
  for (const std::string& warning : findings.warnings) std::cerr << "warning: " << warning << "\n";
  return EXIT_SUCCESS;
}

std::string own_option(const DaemonOptions& options, const char* name) {
  const auto given = options.own.find(name);
  return given == options.own.end() ? "" : given->second;
}

/// For ./control publish, which cannot read JSON. Prints four lines: tarballDir, the folder of the tarball, the folder of the
/// .md5 file, and "published" when hosts download from this ops-meta, or else "written". With --release, prints the next steps
/// instead.
int print_publish_location(const meta::Config& config, const DaemonOptions& options) {
  const meta::PublishedRelease release{own_option(options, "place-of"), own_option(options, "release"),
                                       own_option(options, "arch"), own_option(options, "md5"), options.own.contains("signed")};
  const auto location = meta::publish_location_of(config, release.agent, release.arch);
  if (!location) return fail(location.error().message);
  if (!release.version.empty()) {
    std::cout << meta::next_steps(config, *location, release);
    return EXIT_SUCCESS;
  }
  std::cout << std::filesystem::absolute(config.tarball_dir).string() << "\n"
            << location->folder << "\n"
            << location->checksum_folder << "\n"
            << (location->is_here ? "published" : "written") << "\n";
  return EXIT_SUCCESS;
}

int print_promoted_config(const std::string& path, const meta::Config& config) {
  const auto followed = meta::load_followed(meta::kFollowedFile);
  if (!followed) return EXIT_SUCCESS;
  const auto merged = meta::with_followed_agents(path, config, *followed);
  if (!merged) return fail(merged.error().message);
  std::cout << *merged;
  return EXIT_SUCCESS;
}

/// cfg.json as it is now, or `before` if it is bad now.
meta::Config config_or(const std::string& path, const meta::Config& before) {
  ConfigReport report;
  meta::Config config = meta::load_config(path, report);
  if (report.ok()) return config;
  log::error(report.text(path), "; the config before stays in force");
  return before;
}

int serve(const std::string& config_path, meta::Config config, const Signals& signals, const PidFile& pid_file) {
  meta::Run run{config_path, signals, pid_file};
  meta::Leadership leadership = meta::leadership_at_start(config);
  for (;;) {
    const auto end = leadership.leads ? meta::lead(run, config, leadership) : meta::stand_by(run, config, leadership);
    if (end == meta::RunEnd::stopped) return EXIT_SUCCESS;
    if (end == meta::RunEnd::failed) return run.exit_code;
    config = config_or(config_path, config);
  }
}

}  // namespace

int main(int argc, char** argv) {
  ignore_system_openssl_config();
  const DaemonOptions options = parse_daemon_options(
      argc, argv, "ops-meta", "assigns agents to hosts and serves their releases",
      {{"fetch", "", "with -t: also check with curl that the tarballs, checksums and signatures can be downloaded"},
       {"check-release", "TARBALL", "check whether hosts would accept this release, and exit with 0 (yes) or 1 (no)"},
       {"place-of", "AGENT",
        "for ./control publish: print the folders for the agent's releases; with --release, print the next steps"},
       {"release", "VERSION", "with --place-of: the version to publish"},
       {"arch", "ARCH", "with --place-of: amd64 or arm64, the value of {arch} in the URL"},
       {"md5", "MD5", "with --release: the checksum of the tarball"},
       {"signed", "", "with --release: the release has a .minisig file"},
       {"promoted-config", "", "for ./control promote: print cfg.json with the agents of the last leader, if it has others"}});
  if (options.own.contains("check-release")) return check_release(options.own.at("check-release"));
  if (auto entered = enter_home(options, argv[0]); !entered) return fail(entered.error().message);
  ConfigReport report;
  meta::Config config = meta::load_config(options.config, report);
  if (options.check_config && report.ok() && options.own.contains("fetch") && !meta::check_releases(config)) return kBadConfig;
  if (options.check_config || !report.ok()) return print_config_check(options.config, report);
  if (options.own.contains("promoted-config")) return print_promoted_config(options.config, config);
  if (options.own.contains("place-of")) return print_publish_location(config, options);

  keep_memory_flat();
  restrict_umask();
  const Signals signals;
  const auto pid_file = PidFile::lock("var/app.pid");
  if (!pid_file) return fail(pid_file.error().message);
  if (!options.log_file.empty()) {
    if (auto opened = log::open(options.log_file); !opened) return fail(opened.error().message);
  }
  log::set_debug(config.debug);
  for (const std::string& warning : report.warnings) log::warning(options.config, ": ", warning);
  return serve(options.config, std::move(config), signals, *pid_file);
}
