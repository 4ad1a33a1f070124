#include "web/site_priv.h"

enum page_language
web_language(const struct http_ask *ask)
{
	return page_language(
	    http_reader_field(ask->reader, SV("accept-language")));
}
