/* What the tests of lib/conf share. */
#ifndef TEST_UNIT_CONF_PARSING_H
#define TEST_UNIT_CONF_PARSING_H

#include <check.h>

#include "conf/conf.h"

#define HEAD                                                           \
	"hostname: mail.example.org\n"                                 \
	"domains: [example.org, Example.Test]\n"                       \
	"accounts:\n"                                                  \
	"  anna: { addresses: [anna@example.org, mum@example.org] }\n" \
	"  ben: {}\n"

static inline struct conf *
parse(const char *text)
{
	struct conf_errors e = {0};
	struct conf *c = NULL;
	int r = conf_parse(sv_str(text), "test.yaml", &c, &e);

	ck_assert_msg(
	    r == RC_OK, "%u:%u: %s", e.e[0].line, e.e[0].column, e.e[0].text);
	return c;
}

#endif
