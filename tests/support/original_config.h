#pragma once

namespace ops::tests {

/// The cfg.example.json of the Go ops-meta.
inline constexpr char kOriginalConfig[] = R"({"debug": true, "tarballDir": "./tarball",
     "http": {"enabled": true, "listen": "0.0.0.0:2000"},
     "agents": [{"default": {"name": "falcon-agent", "version": "1.0.0", "tarball": "http://m:2000/falcon", "md5": "", "cmd": "start"},
                 "others": [{"prefix": "lg-", "version": "1.1.0", "tarball": "", "md5": "", "cmd": ""}]}]}
)";

}  // namespace ops::tests
