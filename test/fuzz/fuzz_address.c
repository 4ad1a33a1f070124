/* Addresses in header fields and in SMTP commands. */
#include <stddef.h>
#include <stdint.h>

#include "mail/addrlist.h"
#include "mail/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct mail_path_limits lim = MAIL_PATH_LIMITS;
	struct sv in = sv_of(data, size);
	struct mail_addrlist l;
	struct mail_addr a;
	struct mail_path p;
	struct buf out;
	size_t n = 0;
	int open = 0;

	mail_addrlist_init(&l, in);
	while (mail_addrlist_next(&l, &a)) {
		must(l.text.failed == false);
		must(a.broken || a.kind != MAIL_ADDR_MAILBOX ||
		     (a.local.p != NULL && a.domain.n > 0));
		open += a.kind == MAIL_ADDR_GROUP;
		open -= a.kind == MAIL_ADDR_GROUP_END;
		must(open == 0 || open == 1);
		n++;
	}
	must(open == 0 && n <= size + 1);
	mail_addrlist_fini(&l);

	buf_init(&out, 1 << 20);
	if (mail_path_parse(&in, &lim, true, &p) == RC_OK) {
		must(p.local.n <= lim.local && p.domain.n <= lim.domain);
		mail_path_plain(&p, &out);
		must(buf_ok(&out));
	}
	buf_fini(&out);
	return 0;
}
