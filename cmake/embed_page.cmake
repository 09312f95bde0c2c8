# cmake -DPAGE=index.html -DSOURCE=page_html.cc -P embed_page.cmake
# Writes the C++ file that holds ops-meta's page, for meta/api/page.h:
#   kPage         the HTML, with the style sheet and the scripts that it names put in their place, from the page's own folder
#   kPagePolicy   the Content-Security-Policy of the page, which allows exactly these by their SHA-256
get_filename_component(folder "${PAGE}" DIRECTORY)
file(READ "${PAGE}" page)

# to_base64(HEX RESULT): the base64 of 64 hexadecimal digits. CMake has SHA-256, but no base64.
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
  string(SUBSTRING "${text}" 0 43 text)  # the 44th digit is of the "00"
  set(${result} "${text}=" PARENT_SCOPE)
endfunction()

# embed(TAG FORM RESULT): replaces each element FORM of the page, which names one FILE in quotes, by <TAG>content</TAG>, and sets
# RESULT to the hashes of the contents, 'sha256-…'.
function(embed tag form result)
  set(hashes "")
  string(REGEX MATCHALL "${form}" elements "${page}")
  foreach(element IN LISTS elements)
    string(REGEX REPLACE "${form}" "\\1" file "${element}")
    file(READ "${folder}/${file}" content)
    string(FIND "${content}" "</${tag}" end)
    if(NOT end EQUAL -1)
      message(FATAL_ERROR "${folder}/${file} holds </${tag}, which would end its element in the page")
    endif()
    string(REPLACE "${element}" "<${tag}>${content}</${tag}>" page "${page}")
    string(SHA256 hex "${content}")
    to_base64(${hex} hash)
    string(APPEND hashes " 'sha256-${hash}'")
  endforeach()
  set(page "${page}" PARENT_SCOPE)
  set(${result} "${hashes}" PARENT_SCOPE)
endfunction()

string(REGEX MATCH "<(style|script)>" inline "${page}")
if(inline)
  message(FATAL_ERROR "${PAGE} has an inline ${inline}: move it to a file of its own")
endif()
embed(style "<link rel=\"stylesheet\" href=\"([a-z.]+)\">" styles)
embed(script "<script src=\"([a-z.]+)\"></script>" scripts)
string(REGEX MATCH "<script [^>]*>|<link rel=.stylesheet[^>]*>" unknown "${page}")
if(unknown)
  message(FATAL_ERROR "${PAGE}: cannot embed ${unknown}")
endif()
string(CONCAT policy
  "default-src 'none'; script-src${scripts}; style-src${styles}; img-src data:; connect-src 'self'; "
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")

string(FIND "${page}" ")page\"" end)
if(NOT end EQUAL -1)
  message(FATAL_ERROR "${PAGE} or a file that it names holds )page\", which would end the C++ string that it becomes")
endif()
file(WRITE "${SOURCE}" "// Written by cmake/embed_page.cmake from meta/web/.
#include \"meta/api/page.h\"

namespace ops::meta {

const std::string_view kPage = R\"page(${page})page\";
const std::string_view kPagePolicy =
    \"${policy}\";

}  // namespace ops::meta
")
