/*
 * SRS: nothing that we have not made comes back; what we make comes back as it
 * was.  The first byte says by how many days later.
 */
#include <stddef.h>
#include <stdint.h>

#include "msgauth/srs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1795536046

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sv key[] = {{"0123456789abcdef", 16}};
	static const struct srs_keys keys = {.key = key, .n = 1, .days = 20};
	struct sv in;
	struct buf a, b;
	int64_t later;

	if (size == 0)
		return 0;
	later = NOW + (int64_t)(data[0] % 20) * 86400;
	in = sv_of(data + 1, size - 1);
	buf_init(&a, 4096);
	buf_init(&b, 4096);
	/* 40 bits are not guessed here. */
	must(srs_reverse(&keys, NOW, in, &b) != RC_OK);
	if (srs_forward(&keys, NOW, in, SV("us.test"), &a) == RC_OK) {
		must(srs_is(buf_sv(&a)));
		must(srs_reverse(&keys, later, buf_sv(&a), &b) == RC_OK);
		/* one of another host goes back to the first of them */
		must(srs_is(in) || sv_eq(buf_sv(&b), in));
	}
	buf_fini(&b);
	buf_fini(&a);
	return 0;
}
