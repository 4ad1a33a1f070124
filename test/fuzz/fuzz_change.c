/* Payloads of the store's change records: two bytes of type, then the fields.
 * What decodes must encode to something that decodes again. */
#include <stddef.h>
#include <stdint.h>

#include "base/be.h"
#include "store/change.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct change c, again;
	struct buf b;

	if (n < 2)
		return 0;
	if (change_decode(be_get16(p), sv_of(p + 2, n - 2), &c) != RC_OK)
		return 0;
	buf_init(&b, 64u << 20);
	change_encode(&c, &b);
	must(change_decode(c.type, buf_sv(&b), &again) == RC_OK);
	must(again.nmsg == c.nmsg && again.npair == c.npair);
	must(again.uids.n == c.uids.n);
	change_fini(&again);
	buf_fini(&b);
	change_fini(&c);
	return 0;
}
