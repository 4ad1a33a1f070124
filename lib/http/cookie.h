/* What a browser gives back [RFC 6265 4.2.1]. */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include "base/sv.h"

/*
 * The value of the first cookie of exactly that name in a Cookie field; empty
 * with p == NULL: there is none.  The value is not decoded and not checked.
 */
struct sv http_cookie(struct sv field, struct sv name);

#endif
