# cmake -DPAGE=index.html -DSOURCE=page_html.cc -P embed_page.cmake
# Makes a C++ file of ops-meta's page, for meta/api/page.h: its text, and the policy that it is served with, which names the page's
# one script and one style by their SHA-256.
file(READ "${PAGE}" page)

# The base64 of 64 hexadecimal digits. CMake knows SHA-256, but no base64.
function(to_base64 hex result)
  set(alphabet ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
  set(text "")
  foreach(at RANGE 0 60 6)
    string(SUBSTRING "${hex}00" ${at} 6 three_bytes)
    math(EXPR bits "0x${three_bytes}")
    foreach(shift 18 12 6 0)
      math(EXPR index "(${bits} >> ${shift}) & 63")
      string(SUBSTRING ${alphabet} ${index} 1 letter)
      string(APPEND text ${letter})
    endforeach()
  endforeach()
  string(SUBSTRING "${text}" 0 43 text)  # the 44th is of the byte that we added
  set(${result} "${text}=" PARENT_SCOPE)
endfunction()

# 'sha256-…' of what stands between <tag> and </tag>, of which the page has one each.
function(hash_of tag result)
  string(REGEX MATCHALL "</?${tag}[ >]" tags "${page}")
  if(NOT tags STREQUAL "<${tag}>;</${tag}>")
    message(FATAL_ERROR "${PAGE} should have one <${tag}> and one </${tag}>, and has ${tags}")
  endif()
  string(REGEX REPLACE ".*<${tag}>" "" block "${page}")
  string(REGEX REPLACE "</${tag}>.*" "" block "${block}")
  string(SHA256 hex "${block}")
  to_base64(${hex} hash)
  set(${result} "'sha256-${hash}'" PARENT_SCOPE)
endfunction()

hash_of(script script)
hash_of(style style)
string(CONCAT policy
  "default-src 'none'; script-src ${script}; style-src ${style}; img-src data:; connect-src 'self'; "
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")

string(FIND "${page}" ")page\"" end)
if(NOT end EQUAL -1)
  message(FATAL_ERROR "${PAGE} holds )page\", which would end the C++ string that it becomes")
endif()
file(WRITE "${SOURCE}" "// Made of meta/web/index.html by cmake/embed_page.cmake.
#include \"meta/api/page.h\"

namespace ops::meta {

const std::string_view kPage = R\"page(${page})page\";
const std::string_view kPagePolicy =
    \"${policy}\";

}  // namespace ops::meta
")
