/* IMAP before login: see front.h. */
#include "imap/front/front.h"
#include "front.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_front(&imap_front, size, data, size);
	return 0;
}
