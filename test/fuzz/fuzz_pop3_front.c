/* POP3 before login: see front.h. */
#include "pop3/front/front.h"
#include "front.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_front(&pop3_front_proto, POP3_LINE_MAX, data, size);
	return 0;
}
