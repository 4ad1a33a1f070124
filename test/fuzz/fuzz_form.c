/* Forms and cookies that browsers, or others, send. */
#include <stdint.h>

#include "base/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv all = sv_of(data, size), rest = all;
	char name[FORM_NAME_MAX];
	struct buf v, again;
	size_t fields = 0;
	int r;

	buf_init(&v, 256);
	buf_init(&again, 3 * 256);
	while ((r = form_next(&rest, name, &v)) != RC_EOF) {
		must(++fields <= size);
		if (r == RC_OK)
			form_encode(buf_sv(&v), &again);
		must(!buf_ok(&v) || r != RC_TOOBIG || v.n <= 256);
		buf_reset(&v);
		buf_reset(&again);
	}
	r = form_get(all, "a", &v);
	if (r == RC_OK) {
		struct sv field;

		/* What has been read can be written and read again. */
		buf_adds(&again, "a=");
		form_encode(buf_sv(&v), &again);
		field = buf_sv(&again);
		if (buf_ok(&again)) {
			struct buf w;

			buf_init(&w, 256);
			must(form_get(field, "a", &w) == RC_OK);
			must(sv_eq(buf_sv(&w), buf_sv(&v)));
			buf_fini(&w);
		}
	}
	buf_fini(&again);
	buf_fini(&v);
	return 0;
}
