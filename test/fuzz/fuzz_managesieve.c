/*
 * ManageSieve before login: the input's first byte chooses the kind of
 * connection, the rest is what a client sends, in pieces.
 */
#include <stdint.h>

#include "managesieve/front/front.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feeds all of `pending` as the listener would; false to close. */
static bool
feed(void *f, struct buf *pending, struct buf *out, struct front_action *act)
{
	size_t used;

	do {
		used = msv_front.input(f, buf_sv(pending), out, act);
		must(used <= pending->n);
		buf_consume(pending, used);
		buf_reset(out);
		if (act->what == FRONT_STARTTLS) {
			buf_reset(pending);
			msv_front.tls_started(f);
		} else if (act->what == FRONT_LOGIN &&
			   msv_front.failed(f, FRONT_DENIED, "No.", out) ==
			       FRONT_CLOSE) {
			return false;
		} else if (act->what == FRONT_CLOSE) {
			return false;
		}
	} while (used > 0 && pending->n > 0);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct front_opts o = {.hostname = "mail.example.org"};
	struct front_action act;
	struct buf pending, out;
	struct sv in;
	void *f;

	if (size == 0)
		return 0;
	o.tls_offered = (data[0] & 1) != 0;
	o.tls = (data[0] & 2) != 0;
	o.trusted = (data[0] & 4) != 0;
	front_action_init(&act);
	buf_init(&pending, 1 << 20);
	buf_init(&out, 1 << 20);
	f = msv_front.open(&o, &out);
	in = sv_of(data + 1, size - 1);
	while (in.n > 0) {
		struct sv piece = sv_first(in, 1 + (in.n * 7) % 29);

		buf_addsv(&pending, piece);
		in = sv_skip(in, piece.n);
		if (!feed(f, &pending, &out, &act))
			break;
	}
	msv_front.close(f);
	buf_fini(&out);
	buf_fini(&pending);
	front_action_fini(&act);
	return 0;
}
