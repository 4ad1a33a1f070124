/* The addresses of a stranger's rua=, and a report to what they are. */
#include <stdint.h>

#include "report/feedback.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t id[16] = {1};
	const struct feedback_sender who = {
	    "mail.example.org", "example.org", 1404180000, id};
	struct feedback_row row = {.author = sv_of(data, size), .count = 1};
	const struct feedback_due due = {.begin = 1404086400,
	    .policy = {.domain = SV("a.test")},
	    .row = &row,
	    .nrow = 1};
	struct sv list = sv_of(data, size), s;
	struct buf address, mail;
	bool usable;
	size_t i;

	buf_init(&address, 4096);
	buf_init(&mail, 1 << 20);
	while (feedback_next_uri(&list, &usable, &address)) {
		s = buf_sv(&address);
		must(!usable || (s.n > 0 && sv_chr(s, '@') < s.n));
		for (i = 0; usable && i < s.n; i++)
			must(s.p[i] != '\r' && s.p[i] != '\n' && s.p[i] != 0);
		if (usable && mail.n == 0)
			must(feedback_mail(&due, &who, s, &mail) == RC_OK ||
			     s.n >= REPORT_TEXT_MAX);
		buf_reset(&address);
	}
	must(buf_ok(&mail));
	buf_fini(&mail);
	buf_fini(&address);
	return 0;
}
