#include "auth/logins.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/believed.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/utf8.h"

#define FILE_HEAD  "hearthmail logins 1"
#define CLOCK_HEAD "clock "
#define FILE_MAX   (8 << 20)
#define DAY_S	   (24 * 60 * 60)
#define REFRESH_S  600 /* phones log in every few minutes */

struct list {
	char account[CONF_NAME_MAX];
	/* In the order in which they were used last: the newest at the end. */
	struct auth_login_row *row;
	size_t n, cap;
	struct list *next;
};

struct auth_logins {
	struct list *lists;
	struct believed clock;
	bool changed;
};

struct auth_logins *
auth_logins_new(void)
{
	return xcalloc(1, sizeof(struct auth_logins));
}

static void
remove_list(struct list **at)
{
	struct list *l = *at;

	*at = l->next;
	free(l->row);
	free(l);
}

void
auth_logins_free(struct auth_logins **l)
{
	if (*l == NULL)
		return;
	while ((*l)->lists != NULL)
		remove_list(&(*l)->lists);
	free(*l);
	*l = NULL;
}

static struct list *
find_list(const struct auth_logins *l, struct sv account)
{
	struct list *a;

	for (a = l->lists; a != NULL; a = a->next)
		if (sv_eq(account, sv_str(a->account)))
			return a;
	return NULL;
}

static struct list *
find_or_add_list(struct auth_logins *l, struct sv account)
{
	struct list *a = find_list(l, account);

	if (a != NULL)
		return a;
	a = xcalloc(1, sizeof *a);
	sv_copy(account, a->account, sizeof a->account);
	a->next = l->lists;
	l->lists = a;
	return a;
}

static void
remove_row(struct list *a, size_t i)
{
	a->n--;
	memmove(&a->row[i], &a->row[i + 1], (a->n - i) * sizeof *a->row);
}

static void
forget_old(struct auth_logins *l, struct list *a, int64_t now)
{
	now = believed_look(&l->clock, now * 1000, clk_mono()) / 1000;
	while (a->n > 0 && now - a->row[0].last > LOGINS_DAYS * DAY_S)
		remove_row(a, 0);
}

static void
append_row(struct list *a, const struct auth_login_row *r)
{
	if (a->n >= LOGINS_OF_ACCOUNT)
		remove_row(a, 0);
	a->row = xgrow(a->row, &a->cap, a->n + 1, sizeof *a->row);
	a->row[a->n++] = *r;
}

/* One line of text, as much as there is place for. */
static void
clean(struct sv s, char *out, size_t size)
{
	size_t n = 0;
	uint32_t cp;

	while (s.n > 0) {
		struct sv here = s;

		if (utf8_next(&s, &cp) != RC_OK || cp < ' ' ||
		    (cp >= 0x7f && cp <= 0x9f)) {
			s = sv_skip(here, 1);
			continue;
		}
		if (n + (here.n - s.n) >= size)
			break;
		memcpy(out + n, here.p, here.n - s.n);
		n += here.n - s.n;
	}
	out[n] = '\0';
}

static bool
is_same(const struct auth_login_row *a, const struct auth_login_row *b)
{
	return a->first / DAY_S == b->first / DAY_S &&
	       strcmp(a->service, b->service) == 0 &&
	       strcmp(a->peer, b->peer) == 0 &&
	       strcmp(a->client, b->client) == 0;
}

void
auth_logins_note(struct auth_logins *l, struct sv account, const char *service,
    const char *peer, struct sv client, int64_t now)
{
	struct auth_login_row r = {.first = now, .last = now, .count = 1};
	struct list *a;
	size_t i;

	if (account.n == 0 || account.n >= CONF_NAME_MAX)
		return;
	clean(sv_str(service), r.service, sizeof r.service);
	clean(sv_str(peer), r.peer, sizeof r.peer);
	clean(client, r.client, sizeof r.client);
	a = find_or_add_list(l, account);
	forget_old(l, a, now);
	for (i = 0; i < a->n && !is_same(&a->row[i], &r); i++)
		;
	if (i < a->n) {
		l->changed |= now - a->row[i].last >= REFRESH_S;
		r.first = a->row[i].first;
		r.count = a->row[i].count + (a->row[i].count < UINT32_MAX);
		remove_row(a, i);
	} else {
		l->changed = true;
	}
	append_row(a, &r);
}

void
auth_logins_set_conf(struct auth_logins *l, const struct conf *c)
{
	struct list **at = &l->lists;

	while (*at != NULL)
		if (conf_account_by_name(c, sv_str((*at)->account)) < 0) {
			remove_list(at);
			l->changed = true;
		} else {
			at = &(*at)->next;
		}
}

void
auth_logins_each(struct auth_logins *l, struct sv account, int64_t now,
    auth_login_fn *fn, void *arg)
{
	struct list *a = find_list(l, account);
	size_t i;

	if (a == NULL)
		return;
	forget_old(l, a, now);
	for (i = a->n; i > 0; i--)
		fn(&a->row[i - 1], arg);
}

/* ---- the file ---- */

static bool
is_word(struct sv s, size_t max)
{
	return s.n > 0 && s.n < max && sv_is_graph(s);
}

static bool
read_line(struct auth_logins *l, struct sv line)
{
	struct sv account = sv_split(&line, ' '), first = sv_split(&line, ' ');
	struct sv last = sv_split(&line, ' '), count = sv_split(&line, ' ');
	struct sv service = sv_split(&line, ' '), peer = sv_split(&line, ' ');
	struct auth_login_row r;
	uint64_t from, to;

	if (!is_word(account, CONF_NAME_MAX) ||
	    sv_to_u64(first, INT64_MAX / 2, &from) != RC_OK ||
	    sv_to_u64(last, INT64_MAX / 2, &to) != RC_OK ||
	    sv_to_u32(count, UINT32_MAX, &r.count) != RC_OK ||
	    !is_word(service, LOGIN_SERVICE_MAX) ||
	    !is_word(peer, LOGIN_PEER_MAX))
		return false;
	r.first = (int64_t)from;
	r.last = (int64_t)to;
	sv_copy(service, r.service, sizeof r.service);
	sv_copy(peer, r.peer, sizeof r.peer);
	clean(line, r.client, sizeof r.client);
	append_row(find_or_add_list(l, account), &r);
	return true;
}

static void
read_lines(struct auth_logins *l, struct sv text)
{
	struct sv clock = SV(CLOCK_HEAD);

	if (sv_starts(text, clock)) {
		struct sv line = sv_split(&text, '\n');

		/* Else it begins anew. */
		if (believed_parse(
			sv_skip(line, clock.n), clk_mono(), &l->clock) != RC_OK)
			l->clock = (struct believed){.time = 0};
	}
	while (text.n > 0)
		if (!read_line(l, sv_split(&text, '\n')))
			break;
}

void
auth_logins_load(struct auth_logins *l, const char *path, int64_t now)
{
	struct err err;
	struct list *a;
	struct buf b;
	struct sv text;

	buf_init(&b, FILE_MAX);
	if (io_read_file(path, &b, &err) == RC_OK) {
		text = buf_sv(&b);
		if (sv_eq(sv_split(&text, '\n'), SV(FILE_HEAD)))
			read_lines(l, text);
	}
	buf_fini(&b);
	for (a = l->lists; a != NULL; a = a->next)
		forget_old(l, a, now);
}

void
auth_logins_save(struct auth_logins *l, const char *path, int64_t now)
{
	struct err err;
	struct list *a;
	struct buf b;
	size_t i;

	if (!l->changed)
		return;
	buf_init(&b, FILE_MAX);
	(void)believed_look(&l->clock, now * 1000, clk_mono());
	buf_adds(&b, FILE_HEAD "\n" CLOCK_HEAD);
	believed_print(&l->clock, &b);
	for (a = l->lists; a != NULL; a = a->next) {
		forget_old(l, a, now);
		for (i = 0; i < a->n; i++) {
			const struct auth_login_row *r = &a->row[i];

			buf_addf(&b, "%s %lld %lld %u %s %s %s\n", a->account,
			    (long long)r->first, (long long)r->last, r->count,
			    r->service, r->peer, r->client);
		}
	}
	if (buf_ok(&b) &&
	    io_replace_file(path, buf_sv(&b), 0600, &err) == RC_OK)
		l->changed = false;
	buf_fini(&b);
}
