/*
 * Modified UTF-7: whatever decodes must encode to the same bytes again, since
 * a name has exactly one form.
 */
#include <stdint.h>

#include "base/utf8.h"
#include "imap/parse/utf7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv in = sv_of(data, size);
	struct buf text, wire;

	buf_init(&text, 4 * size + 16);
	buf_init(&wire, 16 * size + 64);
	if (imap_utf7_decode(in, &text) == RC_OK) {
		must(utf8_valid(buf_sv(&text)));
		imap_utf7_encode(buf_sv(&text), &wire);
		must(sv_eq(buf_sv(&wire), in));
	}
	buf_reset(&text);
	buf_reset(&wire);
	imap_utf7_encode(in, &wire);
	must(buf_ok(&wire));
	buf_fini(&wire);
	buf_fini(&text);
	return 0;
}
