# Third-party libraries as CMake targets, all static, and where they come from:
#   OpenSSL::Crypto OpenSSL::SSL ZLIB::ZLIB LibArchive::static Cares::static nlohmann_json::nlohmann_json   Debian's -dev packages
#   spdlog::spdlog_header_only                                                        the same; headers only, like fmt
#   CURL::libcurl                                            Debian's source package, or a folder in CMAKE_PREFIX_PATH
set(OPS_DEPS_DIR ${CMAKE_BINARY_DIR}/deps CACHE PATH "Folder for the source and build of curl; build folders may share it")

set(OPENSSL_USE_STATIC_LIBS ON)
set(ZLIB_USE_STATIC_LIBS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
# Debian's spdlog target links the shared fmt.
set_target_properties(spdlog::spdlog_header_only PROPERTIES INTERFACE_LINK_LIBRARIES "Threads::Threads;fmt::fmt-header-only")

# libcrypto.a needs other libraries, depending on its release: OpenSSL 3.5 needs zlib and zstd for certificates.
pkg_check_modules(OPS_LIBCRYPTO REQUIRED QUIET libcrypto)
foreach(library ${OPS_LIBCRYPTO_STATIC_LIBRARIES})
  find_library(OPS_STATIC_${library} NAMES lib${library}.a REQUIRED)
  list(APPEND libcrypto_libraries ${OPS_STATIC_${library}})
endforeach()
set_property(TARGET OpenSSL::Crypto APPEND PROPERTY INTERFACE_LINK_LIBRARIES ${libcrypto_libraries})

# libarchive.a supports more formats than the daemons use. The linker takes only the objects for tar and for writing to disk,
# and these need two of libarchive's libraries: no xml2, lzma, bz2, nettle...
find_library(LIBARCHIVE_A NAMES libarchive.a REQUIRED)
find_library(LIBACL_A NAMES libacl.a REQUIRED)
find_path(LIBARCHIVE_INCLUDE NAMES archive.h REQUIRED)
add_library(LibArchive::static STATIC IMPORTED)
set_target_properties(LibArchive::static PROPERTIES
  IMPORTED_LOCATION ${LIBARCHIVE_A}
  INTERFACE_INCLUDE_DIRECTORIES ${LIBARCHIVE_INCLUDE}
  INTERFACE_LINK_LIBRARIES "${LIBACL_A};ZLIB::ZLIB")

# Resolves host names. glibc's own functions would load the host's NSS modules (common/http/resolver.h).
find_library(CARES_A NAMES libcares.a REQUIRED)
find_path(CARES_INCLUDE NAMES ares.h REQUIRED)
add_library(Cares::static STATIC IMPORTED)
set_target_properties(Cares::static PROPERTIES IMPORTED_LOCATION ${CARES_A} INTERFACE_INCLUDE_DIRECTORIES ${CARES_INCLUDE})

# Searches only the given prefix: a distribution's libcurl needs libraries that have no static form.
if(CMAKE_PREFIX_PATH)
  find_package(CURL CONFIG QUIET PATHS ${CMAKE_PREFIX_PATH} NO_DEFAULT_PATH)
endif()

# HTTP and HTTPS only. No CA bundle is built in: the updater sets one.
set(curl_options
  -DCMAKE_BUILD_TYPE=Release
  -DBUILD_SHARED_LIBS=OFF -DBUILD_STATIC_LIBS=ON -DBUILD_CURL_EXE=OFF
  -DBUILD_LIBCURL_DOCS=OFF -DBUILD_MISC_DOCS=OFF -DENABLE_CURL_MANUAL=OFF -DBUILD_TESTING=OFF -DBUILD_EXAMPLES=OFF
  -DCURL_USE_PKGCONFIG=OFF -DPICKY_COMPILER=OFF
  -DCURL_USE_OPENSSL=ON -DOPENSSL_USE_STATIC_LIBS=ON -DCURL_ZLIB=ON -DZLIB_USE_STATIC_LIBS=ON -DENABLE_ARES=ON
  -DCARES_LIBRARY=${CARES_A} -DCARES_INCLUDE_DIR=${CARES_INCLUDE}
  # The host's openssl.cnf may name modules to load, which are made for the host's libraries.
  -DCURL_DISABLE_OPENSSL_AUTO_LOAD_CONFIG=ON
  -DCURL_CA_BUNDLE=none -DCURL_CA_PATH=none -DHTTP_ONLY=ON
  -DUSE_NGHTTP2=OFF -DUSE_LIBIDN2=OFF -DCURL_USE_LIBPSL=OFF -DCURL_USE_LIBSSH2=OFF -DCURL_BROTLI=OFF -DCURL_ZSTD=OFF
  -DENABLE_UNIX_SOCKETS=OFF -DCURL_DISABLE_WEBSOCKETS=ON -DCURL_DISABLE_ALTSVC=ON -DCURL_DISABLE_HSTS=ON
  -DCURL_DISABLE_COOKIES=ON -DCURL_DISABLE_NETRC=ON -DCURL_DISABLE_DOH=ON -DCURL_DISABLE_MIME=ON -DCURL_DISABLE_FORM_API=ON
  -DCURL_DISABLE_AWS=ON -DCURL_DISABLE_NTLM=ON -DCURL_DISABLE_KERBEROS_AUTH=ON -DCURL_DISABLE_NEGOTIATE_AUTH=ON)

# run(LOG STEP COMMAND...): runs COMMAND at configure time and writes its output to LOG. On failure, stops with STEP and the log.
function(run log step)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_FILE ${log} ERROR_FILE ${log})
  if(result)
    file(READ ${log} text)
    message(FATAL_ERROR "${step} failed (log: ${log}):\n${text}")
  endif()
endfunction()

# The folder's name is a hash of all inputs of the build, so that commits with different inputs can share OPS_DEPS_DIR.
file(SHA256 ${CMAKE_CURRENT_LIST_DIR}/fetch-debian-source.sh script)
string(SHA256 inputs "${script}\n${CMAKE_C_COMPILER} ${CMAKE_C_COMPILER_VERSION}\n${curl_options}\n")
string(SUBSTRING ${inputs} 0 12 inputs)
set(ops_deps ${OPS_DEPS_DIR}/${inputs})

# Fetches the sources and builds curl, once, at configure time. The stamp file marks a complete build: then nothing is fetched.
function(make_deps)
  set(stamp ${ops_deps}/stamp)
  if(EXISTS ${stamp})
    return()
  endif()
  file(REMOVE_RECURSE ${ops_deps})
  file(MAKE_DIRECTORY ${ops_deps}/source)
  message(STATUS "Fetching the source of curl from Debian (once)")
  execute_process(COMMAND bash ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/fetch-debian-source.sh ${ops_deps}/source curl
    RESULT_VARIABLE result)
  if(result)
    message(FATAL_ERROR "cannot get the source of curl: the lines above say why. "
      "Or give a folder that contains a build: -DCMAKE_PREFIX_PATH=FOLDER")
  endif()

  message(STATUS "Building curl (once, half a minute)")
  cmake_host_system_information(RESULT cores QUERY NUMBER_OF_LOGICAL_CORES)
  set(log ${ops_deps}/curl.log)
  # -ffile-prefix-map: see link.cmake.
  run(${log} "Configuring curl" ${CMAKE_COMMAND} -G ${CMAKE_GENERATOR} -S ${ops_deps}/source/curl -B ${ops_deps}/curl-build
    "-DCMAKE_C_FLAGS=-ffunction-sections -fdata-sections \"-ffile-prefix-map=${ops_deps}=deps\""
    -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER} -DCMAKE_INSTALL_PREFIX=${ops_deps}/prefix -DCMAKE_INSTALL_LIBDIR=lib ${curl_options})
  run(${log} "Building curl" ${CMAKE_COMMAND} --build ${ops_deps}/curl-build --parallel ${cores} --target install)
  file(REMOVE_RECURSE ${ops_deps}/curl-build)
  file(WRITE ${stamp} "")
endfunction()

if(NOT CURL_FOUND)
  make_deps()
  unset(CURL_DIR CACHE)  # may name the folder of earlier inputs
  find_package(CURL CONFIG REQUIRED PATHS ${ops_deps}/prefix NO_DEFAULT_PATH)
endif()

# add_linked(LIST NAME PACKAGE VERSION): appends a linked library for the daemons' -v, as "OpenSSL 3.5.1-1 (Debian)". It takes the
# version of the Debian package, because Debian's security advisories name that; VERSION for a library from elsewhere.
function(add_linked list name package version)
  execute_process(COMMAND dpkg-query -W -f \${Version} ${package} OUTPUT_VARIABLE packaged RESULT_VARIABLE failed ERROR_QUIET)
  if(NOT failed AND packaged)
    set(version "${packaged} (Debian)")
  endif()
  set(${list} ${${list}} "${name} ${version}" PARENT_SCOPE)
endfunction()

# The same for a source package that make_deps() unpacked.
function(add_linked_source list name package version)
  set(changelog ${ops_deps}/source/${package}/debian/changelog)
  if(EXISTS ${changelog})
    file(STRINGS ${changelog} entry LIMIT_COUNT 1)
    if(entry MATCHES "\\(([^)]+)\\)")
      set(version "${CMAKE_MATCH_1} (Debian)")
    endif()
  endif()
  set(${list} ${${list}} "${name} ${version}" PARENT_SCOPE)
endfunction()

pkg_check_modules(OPS_LIBARCHIVE QUIET libarchive)
set(OPS_LINKED_META)
add_linked(OPS_LINKED_META OpenSSL libssl-dev "${OPENSSL_VERSION}")
add_linked(OPS_LINKED_META libarchive libarchive-dev "${OPS_LIBARCHIVE_VERSION}")
add_linked(OPS_LINKED_META c-ares libc-ares-dev "")
add_linked(OPS_LINKED_META libacl libacl1-dev "")
add_linked(OPS_LINKED_META zlib zlib1g-dev "${ZLIB_VERSION}")
if(zstd IN_LIST OPS_LIBCRYPTO_STATIC_LIBRARIES)
  add_linked(OPS_LINKED_META zstd libzstd-dev "")
endif()
add_linked(OPS_LINKED_META nlohmann-json nlohmann-json3-dev "${nlohmann_json_VERSION}")
add_linked(OPS_LINKED_META spdlog libspdlog-dev "${spdlog_VERSION}")
add_linked(OPS_LINKED_META fmt libfmt-dev "${fmt_VERSION}")
add_linked(OPS_LINKED_META glibc libc6-dev "")
string(REGEX MATCH "^[0-9]+" compiler_major ${CMAKE_CXX_COMPILER_VERSION})
add_linked(OPS_LINKED_META libstdc++ libstdc++-${compiler_major}-dev "${CMAKE_CXX_COMPILER_VERSION}")
add_linked_source(OPS_LINKED_META curl curl "${CURL_VERSION}")
set(OPS_LINKED_UPDATER ${OPS_LINKED_META})
