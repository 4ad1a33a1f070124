/* Dots on the way out: every short string at every split. */

#include "queue/mx/client.h"
#include "test/unit/unit.h"

static void
put(void *arg, struct sv bytes)
{
	buf_addsv(arg, bytes);
}

/* The definition: a dot at the start of a line is doubled. */
static void
naive(struct sv in, struct buf *out)
{
	size_t i;

	for (i = 0; i < in.n; i++) {
		if (in.p[i] == '.' && (i == 0 || in.p[i - 1] == '\n'))
			buf_addc(out, '.');
		buf_addc(out, in.p[i]);
	}
}

START_TEST(client_stuff__doubles_the_dots_of_all_short_strings)
{
	static const char alphabet[] = "\r\n.x";
	char text[7];
	struct buf got, want;
	size_t len, split, i, k, total;

	buf_init(&got, 100);
	buf_init(&want, 100);
	for (len = 0; len < sizeof text; len++) {
		for (total = 1, i = 0; i < len; i++)
			total *= 4;
		for (k = 0; k < total; k++) {
			for (i = 0; i < len; i++)
				text[i] = alphabet[(k >> (2 * i)) & 3];
			buf_reset(&want);
			naive(sv_of(text, len), &want);
			for (split = 0; split <= len; split++) {
				unsigned state = 0;

				buf_reset(&got);
				client_stuff(
				    sv_of(text, split), &state, put, &got);
				client_stuff(sv_of(text + split, len - split),
				    &state, put, &got);
				ck_assert(sv_eq(buf_sv(&got), buf_sv(&want)));
			}
		}
	}
	buf_fini(&got);
	buf_fini(&want);
}
END_TEST

UNIT_TESTS(stuff)
{
	TCase *t = tcase_create("stuff");

	tcase_add_test(t, client_stuff__doubles_the_dots_of_all_short_strings);
	return t;
}
