#include "smtp/judge.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "msgauth/authres.h"
#include "smtp/judge_priv.h"

/* Who has an address that nobody else can be asked about is not listed. */
static bool
is_public(const struct in6_addr *a)
{
	const unsigned char *b = a->s6_addr + 12;

	if (!IN6_IS_ADDR_V4MAPPED(a))
		return !IN6_IS_ADDR_LINKLOCAL(a) && !IN6_IS_ADDR_LOOPBACK(a) &&
		       (a->s6_addr[0] & 0xfe) != 0xfc;
	return b[0] != 127 && b[0] != 10 && (b[0] != 172 || b[1] >> 4 != 1) &&
	       (b[0] != 192 || b[1] != 168) && (b[0] != 169 || b[1] != 254) &&
	       (b[0] != 100 || b[1] >> 6 != 1);
}

static void
ask_block_lists(struct smtp_judge *j, const struct in6_addr *peer)
{
	struct smtp_block_list *list = NULL;
	size_t n;

	if (j->ops->block_lists == NULL || !is_public(peer))
		return;
	n = j->ops->block_lists(j->ctx, &list);
	if (n > 0)
		j->lists = smtp_listed_new(peer, list, n);
	else
		free(list);
}

struct smtp_judge *
smtp_judge_new(const struct smtp_ops *ops, void *ctx,
    const struct check_envelope *e, const char *hostname, int64_t ms)
{
	struct smtp_judge *j = xcalloc(1, sizeof *j);

	j->ops = ops;
	j->ctx = ctx;
	j->hostname = hostname;
	j->ms = ms;
	j->received = clk_now();
	buf_init(&j->header, SMTP_JUDGE_HEADER_MAX);
	buf_init(&j->kept, SMTP_JUDGE_HEADER_MAX);
	if (e != NULL && ops->ask != NULL) {
		j->check = check_new(e);
		j->inbox = smtp_judge_inbox_new();
		j->network = smtp_judge_network(&e->peer);
		ask_block_lists(j, &e->peer);
	}
	return j;
}

void
smtp_judge_free(struct smtp_judge **jp)
{
	struct smtp_judge *j = *jp;

	if (j == NULL)
		return;
	smtp_listed_free(&j->lists);
	check_free(&j->check);
	if (j->inbox != NULL)
		smtp_judge_inbox_leave(j->inbox);
	buf_fini(&j->kept);
	buf_fini(&j->header);
	free(j);
	*jp = NULL;
}

/* The header ends with the first empty line, whatever is in it: what a mail
 * program takes for a field must not be behind that end. */
static void
find_end(struct smtp_judge *j)
{
	struct sv all = buf_sv(&j->header);
	size_t from = j->seen > 3 ? j->seen - 3 : 0, n;

	if (sv_starts(all, SV("\r\n"))) {
		j->over = true;
		j->body = 2;
		return;
	}
	n = sv_find(sv_skip(all, from), SV("\r\n\r\n"));
	j->over = from + n < all.n;
	j->body = from + n + 4;
	j->seen = all.n;
}

static void
header_is_over(struct smtp_judge *j)
{
	const char *ids[] = {j->hostname};
	struct sv header = sv_first(buf_sv(&j->header), j->body);
	struct sv body = sv_skip(buf_sv(&j->header), j->body);

	(void)authres_strip(header, ids, 1, &j->kept);
	buf_addsv(&j->kept, body);
	if (j->check != NULL) {
		check_header(j->check, header);
		check_body(j->check, body);
		(void)smtp_judge_go_on(j);
	}
	/* A slow body is not to keep it. */
	buf_release(&j->header);
}

bool
smtp_judge_header(
    struct smtp_judge *j, struct sv bytes, struct sv *rest, bool *too_big)
{
	struct sv head = sv_first(bytes, j->header.max - j->header.n);

	if (j->check != NULL && j->header.n == 0)
		(void)smtp_judge_go_on(j);
	buf_addsv(&j->header, head);
	*rest = sv_skip(bytes, head.n);
	find_end(j);
	*too_big = !j->over && rest->n > 0;
	if (j->over)
		header_is_over(j);
	return j->over || *too_big;
}

void
smtp_judge_header_end(struct smtp_judge *j)
{
	if (j->over)
		return;
	j->over = true;
	j->body = j->header.n;
	header_is_over(j);
}

bool
smtp_judge_header_over(const struct smtp_judge *j)
{
	return j->over;
}

struct sv
smtp_judge_kept(const struct smtp_judge *j)
{
	return buf_sv(&j->kept);
}

void
smtp_judge_let_go(struct smtp_judge *j)
{
	buf_release(&j->kept);
}

void
smtp_judge_body(struct smtp_judge *j, struct sv bytes)
{
	if (j->check != NULL)
		check_body(j->check, bytes);
}

void
smtp_judge_expiring(const struct smtp_judge *j, struct buf *out)
{
	if (j->check != NULL && j->over)
		check_expiring(j->check, out);
}

void
smtp_judge_waited(struct smtp_judge *j, int64_t ms)
{
	check_first_seen(j->check, (j->received - ms) / 1000);
}

/* Only where it matters: the author's domain disowns it. */
static void
ask_for_lists(struct smtp_judge *j)
{
	const struct check_result *r = check_result(j->check);
	size_t i;

	if (r->dmarc.disposition == DMARC_P_NONE || j->ops->knows == NULL)
		return;
	j->known = LISTS_UNKNOWN;
	for (i = 0; i < r->nlist && j->known != LISTS_KNOWN; i++) {
		bool yes = false;

		j->list = r->list[i].address;
		if (j->ops->knows(j->ctx, "", j->list, &yes) != RC_OK)
			j->known = LISTS_UNSURE;
		else if (yes)
			j->known = LISTS_KNOWN;
	}
}

/* It is from somebody to whom people here have written.  The envelope does not
 * count: a forwarder's is what it likes. */
static bool
is_correspondent(struct smtp_judge *j)
{
	bool yes = false;

	return smtp_judge_verified(j) &&
	       smtp_judge_knows(j, "", &yes) == RC_OK && yes;
}

/* All else is known: they are not waited for as long. */
static void
wait_for_block_lists(struct smtp_judge *j)
{
	int64_t until = clk_mono() + SMTP_LISTED_MS;

	if (until < j->until)
		j->until = until;
	while (smtp_judge_ask_lists(j) == RC_MORE)
		if (!smtp_judge_take_answers(j)) {
			smtp_listed_give_up(j->lists);
			break;
		}
	smtp_listed_result(j->lists, &j->listed);
	j->spoken_for = j->listed.junk && is_correspondent(j);
}

int
smtp_judge_knows(const struct smtp_judge *j, const char *account, bool *yes)
{
	const char *author = j->ended ? check_result(j->check)->author : "";

	*yes = false;
	if (j->ops->knows == NULL || author[0] == '\0')
		return RC_OK;
	return j->ops->knows(j->ctx, account, author, yes);
}

void
smtp_judge_end(struct smtp_judge *j)
{
	int r;

	if (j->check == NULL)
		return;
	j->until = clk_mono() + j->ms;
	if (check_end(j->check) != RC_OK) {
		mlog(LOG_ERROR, "smtp.judge", "text=\"OpenSSL has failed\"");
		j->failed = true;
		return;
	}
	while ((r = smtp_judge_go_on(j)) == RC_MORE)
		if (!smtp_judge_take_answers(j))
			lookup_expire(check_lookup(j->check));
	must(r == RC_OK);
	j->ended = true;
	ask_for_lists(j);
	wait_for_block_lists(j);
}
