/* A mail with reports: its parts, packed or not. */
#include <stdint.h>

#include "report/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_record(void *arg, const struct report_record *r)
{
	unsigned *n = arg;

	must(r->refused.n < REPORT_TEXT_MAX);
	(*n)++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct report_limits limits = REPORT_LIMITS_DEFAULT;
	const struct report_mail m = {.from = SV("example.org"),
	    .expected = size > 0 && (data[0] & 1) != 0};
	unsigned n = 0;

	limits.unpacked = 1 << 16;
	limits.files = 4;
	must(report_read(sv_of(data, size), &m, &limits, on_record, &n) == n);
	return 0;
}
