#pragma once

// The page that operators look at, at "/": meta/web/index.html, which is built into the binary (cmake/embed_page.cmake).
//
// It shows what hosts say of themselves, and that is hostile. So the page makes text of it and no markup, and the policy that
// it is served with has the browser see to it: nothing is loaded but the page, it talks to this ops-meta only, and no script or
// style runs but its own two, known by their hashes. Hashes are made with the page, when it is built; a nonce would do too, but
// be one more thing to make at each request, and two paths with 'self' would let any file below tarballDir be a script.

#include <string_view>

#include "common/http/message.h"

namespace ops::meta {

/// Whether it is a browser's request for "/". Scripts, which don't ask for HTML, get the listing of tarballDir there, as ever.
bool wants_page(const HttpRequest& request);

HttpResponse page();

extern const std::string_view kPage;
extern const std::string_view kPagePolicy;  // Content-Security-Policy

}  // namespace ops::meta
