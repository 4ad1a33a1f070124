/* What is kept of a judgement: what is read is written as it was read. */
#include <stddef.h>
#include <stdint.h>

#include "msgauth/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verdict v, again;
	struct buf a, b;

	if (verdict_decode(sv_of(data, size), &v) != RC_OK)
		return 0;
	buf_init(&a, VERDICT_BYTES_MAX);
	buf_init(&b, VERDICT_BYTES_MAX);
	verdict_encode(&v, &a);
	must(buf_ok(&a));
	if (a.n > 0) {
		must(verdict_decode(buf_sv(&a), &again) == RC_OK);
		verdict_encode(&again, &b);
		must(sv_eq(buf_sv(&a), buf_sv(&b)));
	}
	buf_release(&b);
	buf_init(&b, 4 * VERDICT_BYTES_MAX);
	verdict_print(&v, &b);
	must(buf_ok(&b));
	buf_fini(&b);
	buf_fini(&a);
	return 0;
}
