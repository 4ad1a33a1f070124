/* An aggregate report; what comes of it fits a message and is read again. */
#include <stdint.h>

#include "report/dmarc_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
there_and_back(const struct report_record *r)
{
	struct report_record got;
	struct buf key;
	struct msg m;

	buf_init(&key, 4 * REPORT_TEXT_MAX);
	report_key(r, &key);
	must(buf_ok(&key));
	buf_fini(&key);
	msg_init(&m, 1);
	report_record_put(&m, r);
	must(buf_ok(&m.b));
	must(report_record_get(&m, &got) == RC_OK);
	must(got.nsource == r->nsource && sv_eq(got.org, r->org));
	report_record_fini(&got);
	msg_fini(&m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct report_builder b;
	struct err err = {.text = ""};
	int r;

	if (size > 0 && data[size - 1] & 1) { /* met more often */
		limits.records = 2;
		limits.depth = 5;
		limits.bytes = 300;
	}
	report_builder_init(&b, &limits);
	r = dmarc_xml_read(&b, sv_of(data, size), &err);
	must(r == RC_OK || err.text[0] != '\0');
	there_and_back(&b.r);
	report_builder_fini(&b);
	return 0;
}
