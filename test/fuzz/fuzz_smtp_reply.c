/* What a remote mail host answers, and what it offers. */
#include <stddef.h>
#include <stdint.h>

#include "queue/mx/reply.h"
#include "queue/spool/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv in = sv_of(data, size);
	struct reply_offers offers;
	struct reply r;
	struct buf b;
	char code[12];
	size_t left;

	reply_init(&r);
	buf_init(&b, 4096);
	do {
		int rc;

		left = in.n;
		rc = reply_parse(&in, &r);
		must(rc == RC_OK || in.n == left);
		if (rc != RC_OK)
			break;
		must(in.n < left && r.code >= 200 && r.code < 600);
		must(r.text.n <= REPLY_TEXT_MAX && buf_ok(&r.text));
		reply_offers(&r, &offers);
		report_status(buf_sv(&r.text), true, code);
		must(code[0] == '5');
		buf_reset(&b);
		report_reason(buf_sv(&r.text), "x@example.test", false, &b);
		must(b.n > 0);
	} while (in.n > 0);
	buf_fini(&b);
	reply_fini(&r);
	return 0;
}
