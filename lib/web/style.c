/* The one stylesheet of all pages: by day and by night, on a phone and on a
 * large screen. */
#include "web/site_priv.h"

static const char style[] =
    ":root { color-scheme: light dark; }\n"
    "body { font: 1.05rem/1.5 system-ui, sans-serif; margin: 0;\n"
    "  background: #fbfaf8; color: #222; }\n"
    "main { max-width: 40rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }\n"
    "h1 { font-size: 1.5rem; line-height: 1.25; }\n"
    "table { border-collapse: collapse; width: 100%; }\n"
    "th, td { text-align: left; vertical-align: top; padding: .45rem .6rem\n"
    "  .45rem 0; border-bottom: 1px solid #ddd8d0;\n"
    "  overflow-wrap: anywhere; }\n"
    "th { width: 8rem; font-weight: 600; }\n"
    "code, .password { font-family: ui-monospace, monospace; }\n"
    "a { color: #8a3b12; }\n"
    "button { font: inherit; padding: .6rem 1.2rem; border: 0;\n"
    "  border-radius: .4rem; background: #8a3b12; color: #fff; }\n"
    "a:focus-visible, button:focus-visible { outline: 3px solid #d98032;\n"
    "  outline-offset: 2px; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  body { background: #191715; color: #e8e4de; }\n"
    "  th, td { border-bottom-color: #3a352f; }\n"
    "  a { color: #f0a36b; }\n"
    "  button { background: #f0a36b; color: #191715; }\n"
    "}\n";

void
web_style(const struct http_ask *ask, struct http_response *a)
{
	(void)ask;
	a->type = "text/css; charset=utf-8";
	buf_adds(&a->body, style);
}
