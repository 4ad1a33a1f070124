/* Addresses in header fields and in SMTP commands. */
#include <stddef.h>
#include <stdint.h>

#include "mail/addrlist.h"
#include "mail/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
check_author(void *arg, const struct mail_addr *a)
{
	size_t *n = arg;

	must(a->local.p != NULL && a->domain.n > 0);
	(*n)++;
	return RC_OK;
}

/* What is written is read as the same again. */
static void
check_written(struct sv plain)
{
	const struct mail_path_limits lim = {5000, 255, 10000};
	struct mail_path p;
	struct buf out, again;
	struct sv in;

	buf_init(&out, 1 << 20);
	buf_init(&again, 1 << 20);
	buf_addc(&out, '<');
	mail_address_write(plain, &out);
	buf_addc(&out, '>');
	in = buf_sv(&out);
	must(mail_path_parse(&in, &lim, true, &p) == RC_OK && in.n == 0);
	mail_path_plain(&p, &again);
	must(sv_eq(buf_sv(&again), plain));
	buf_fini(&again);
	buf_fini(&out);
}

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

	(void)!mail_author_each(in, check_author, &n);
	buf_init(&out, 1 << 20);
	if (mail_path_parse(&in, &lim, true, &p) == RC_OK) {
		must(p.local.n <= lim.local && p.domain.n <= lim.domain);
		mail_path_plain(&p, &out);
		must(buf_ok(&out) && out.n <= MAIL_ADDRESS_MAX);
		check_written(buf_sv(&out));
	}
	buf_fini(&out);
	return 0;
}
