/* A TLS report; what comes of it fits a message and is read again. */
#include <stdint.h>

#include "report/tlsrpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct report_limits limits = REPORT_LIMITS_DEFAULT;
	struct report_builder b;
	struct report_record got;
	struct err err = {.text = ""};
	struct msg m;
	int r;

	if (size > 0 && data[size - 1] & 1) {
		limits.records = 3;
		limits.depth = 5;
		limits.bytes = 300;
	}
	report_builder_init(&b, &limits);
	r = tlsrpt_read(&b, sv_of(data, size), &err);
	must(r == RC_OK || err.text[0] != '\0');
	msg_init(&m, 1);
	report_record_put(&m, &b.r);
	must(buf_ok(&m.b));
	must(report_record_get(&m, &got) == RC_OK);
	must(got.ntls == b.r.ntls);
	report_record_fini(&got);
	msg_fini(&m);
	report_builder_fini(&b);
	return 0;
}
