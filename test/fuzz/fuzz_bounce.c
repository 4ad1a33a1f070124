/*
 * Bounces of what was forwarded: whatever comes, only printable words are
 * quoted, each field is on one line, and an address that is to be hidden is
 * not in them.  The first line is that address, the second Received's host.
 */
#include <stddef.h>
#include <stdint.h>

#include "mail/trace.h"
#include "queue/spool/bounce.h"
#include "queue/spool/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_printable(struct sv s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		must((s.p[i] >= ' ' && s.p[i] < 0x7f) || s.p[i] == '\r' ||
		     s.p[i] == '\n');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv in = sv_of(data, size), address = sv_split(&in, '\n');
	struct secret s = {.n = 0};
	struct bounce b;
	struct buf hidden;

	bounce_init(&b);
	buf_init(&hidden, 16 * BOUNCE_WHY_MAX);
	bounce_read(in, &b);
	check_printable(buf_sv(&b.why));
	check_printable(buf_sv(&b.header));
	must(sv_find(buf_sv(&b.why), SV("\n")) == b.why.n);
	must(buf_ok(&b.why) && buf_ok(&b.header));
	if (address.n > 10 && sv_find(address, SV("hidden")) == address.n &&
	    sv_chr(address, '(') == address.n &&
	    sv_chr(address, ')') == address.n) {
		bounce_hide(buf_sv(&b.why), address, &hidden);
		must(sv_ifind(buf_sv(&hidden), address) == hidden.n);
	}
	(void)mail_trace_was_for(in, address, address);
	if (secret_parse(in, &s) == RC_OK)
		must(s.n > 0 && s.n <= SECRETS_MAX);
	buf_fini(&hidden);
	bounce_fini(&b);
	return 0;
}
