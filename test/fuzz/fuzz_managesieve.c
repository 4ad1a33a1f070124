/* ManageSieve before login: see front.h. */
#include "managesieve/front/front.h"
#include "front.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_front(&msv_front, size, data, size);
	return 0;
}
