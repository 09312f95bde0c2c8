#include "meta/api/page.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>

namespace ops::tests {
namespace {

std::string header(const HttpResponse& response, const std::string& name) {
  const auto found =
      std::find_if(response.headers.begin(), response.headers.end(), [&](const auto& h) { return h.first == name; });
  return found == response.headers.end() ? "" : found->second;
}

/// For each element <tag>…</tag> of the page: " 'sha256-…'" of its content.
std::string hashes_of(const std::string& page, const std::string& tag) {
  std::string hashes;
  for (size_t at = 0; (at = page.find("<" + tag + ">", at)) != std::string::npos;) {
    at += tag.size() + 2;
    const std::string content = page.substr(at, page.find("</" + tag + ">", at) - at);
    EXPECT_GT(content.size(), 1000u);
    unsigned char digest[32];
    EXPECT_EQ(EVP_Digest(content.data(), content.size(), digest, nullptr, EVP_sha256(), nullptr), 1);
    unsigned char text[45];
    EVP_EncodeBlock(text, digest, sizeof digest);
    hashes += " 'sha256-" + std::string(reinterpret_cast<const char*>(text)) + "'";
  }
  return hashes;
}

TEST(MetaPage, AllowsItsOwnScriptsAndStylesAndNothingElse) {
  const HttpResponse page = meta::page();
  EXPECT_EQ(page.content_type, "text/html; charset=UTF-8");
  EXPECT_EQ(header(page, "Content-Security-Policy"),
            "default-src 'none'; script-src" + hashes_of(page.body, "script") + "; style-src" + hashes_of(page.body, "style") +
                "; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                "require-trusted-types-for 'script'; trusted-types 'none'");
  EXPECT_EQ(header(page, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(header(page, "Referrer-Policy"), "no-referrer");
}

TEST(MetaPage, IsOneResponse) {
  const std::string page = meta::page().body;
  for (const char* reference : {"<link rel=\"stylesheet\"", "<script ", " src="}) {
    EXPECT_EQ(page.find(reference), std::string::npos) << reference;
  }
  for (const char* part : {"<style>", "<script>", "color-scheme", "function fill(", "async function refresh("}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
}

TEST(MetaPage, MakesNoMarkupOfText) {
  const std::string page = meta::page().body;
  for (const char* way : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(", "srcdoc"}) {
    EXPECT_EQ(page.find(way), std::string::npos) << way;
  }
}

TEST(MetaPage, IsForBrowsers) {
  HttpRequest request{"GET", "/"};
  EXPECT_FALSE(meta::wants_page(request));
  request.headers = {{"Accept", "*/*"}};  // curl
  EXPECT_FALSE(meta::wants_page(request));
  request.headers = {{"accept", "text/html,application/xhtml+xml,*/*;q=0.8"}};
  EXPECT_TRUE(meta::wants_page(request));
  request.path = "/falcon-agent/";
  EXPECT_FALSE(meta::wants_page(request)) << "a folder below tarballDir";
}

}  // namespace
}  // namespace ops::tests
