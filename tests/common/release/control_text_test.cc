#include "common/release/control_text.h"

#include <gtest/gtest.h>

namespace ops {
namespace {

TEST(ControlText, IsRefusedWhenTheKernelCannotRunIt) {
  for (const char* good : {"#!/bin/sh\n", "#!/bin/sh", "#!/usr/bin/env bash\necho 'a\r\n'\n",
                           "\x7f"
                           "ELF\r\n",
                           ""}) {
    EXPECT_EQ(fault_of_control(good), "") << good;
  }
  EXPECT_NE(fault_of_control("#! /bin/sh\r\n").find("program \"/bin/sh\\r\""), std::string::npos);
  EXPECT_NE(fault_of_control("#!/usr/bin/perl\r").find("program \"/usr/bin/perl\\r\""), std::string::npos);
  EXPECT_NE(fault_of_control("\xef\xbb\xbf#!/bin/sh\n").find("byte order mark"), std::string::npos);
}

TEST(ControlText, WarnsAboutAMissingInterpreterLineAndWindowsLineEnds) {
  for (const char* good : {"#!/bin/sh\n",
                           "\x7f"
                           "ELF\r\n"})
    EXPECT_TRUE(warnings_about_control(good).empty()) << good;
  for (const char* odd : {"", "echo started\n", "#!/bin/sh\n\nexit\r\n"}) {
    EXPECT_EQ(warnings_about_control(odd).size(), 1u) << odd;
  }
}

TEST(ControlText, NamesTheInterpreterThatThisMachineLacks) {
  for (const char* good : {"#!/bin/sh\n", "#! /bin/sh -e\n", "#!/usr/bin/env sh\n", "#!/usr/bin/env -S sh -e\n", "#!./own\n",
                           "#!/usr/bin/env A=b sh\n", "#!\n",
                           "\x7f"
                           "ELF",
                           ""}) {
    EXPECT_EQ(missing_interpreter(good), "") << good;
  }
  EXPECT_EQ(missing_interpreter("#!/bin/nosuch -e\n"), "/bin/nosuch");
  EXPECT_EQ(missing_interpreter("#!/nosuch/env sh\n"), "/nosuch/env");
  EXPECT_EQ(missing_interpreter("#!/usr/bin/env nosuch\n"), "nosuch");
}

}  // namespace
}  // namespace ops
