#include "auth/uses.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"

#define FILE_HEAD "hearthmail uses 1"
#define FILE_MAX  (1 << 20)
#define USES_MAX  4096 /* that are read: more than anybody has */
#define REFRESH_S 60   /* phones log in every few minutes */

struct auth_uses {
	struct auth_use *use;
	size_t n, cap;
	bool changed;
};

struct auth_uses *
auth_uses_new(void)
{
	return xcalloc(1, sizeof(struct auth_uses));
}

void
auth_uses_free(struct auth_uses **u)
{
	if (*u == NULL)
		return;
	free((*u)->use);
	free(*u);
	*u = NULL;
}

static struct auth_use *
find_use(const struct auth_uses *u, uint64_t id)
{
	size_t i;

	for (i = 0; i < u->n; i++)
		if (u->use[i].id == id)
			return &u->use[i];
	return NULL;
}

const struct auth_use *
auth_uses_find(const struct auth_uses *u, uint64_t id)
{
	return find_use(u, id);
}

static struct auth_use *
find_or_add_use(struct auth_uses *u, uint64_t id)
{
	struct auth_use *use = find_use(u, id);

	if (use != NULL)
		return use;
	u->use = xgrow(u->use, &u->cap, u->n + 1, sizeof *u->use);
	use = &u->use[u->n++];
	*use = (struct auth_use){.id = id};
	return use;
}

void
auth_uses_note(
    struct auth_uses *u, uint64_t id, const char *service, const char *peer)
{
	struct auth_use *use = find_or_add_use(u, id);
	int64_t now = clk_now() / 1000;

	if (now >= use->when && now - use->when < REFRESH_S &&
	    sv_eq(sv_str(service), sv_str(use->service)) &&
	    sv_eq(sv_str(peer), sv_str(use->peer)))
		return;
	use->when = now;
	(void)snprintf(use->service, sizeof use->service, "%s", service);
	(void)snprintf(use->peer, sizeof use->peer, "%s", peer);
	u->changed = true;
}

/* ---- the file ---- */

static bool
is_word(struct sv s, size_t max)
{
	return s.n > 0 && s.n < max && sv_is_graph(s);
}

static bool
read_line(struct auth_uses *u, struct sv line)
{
	struct sv id = sv_split(&line, ' '), when = sv_split(&line, ' ');
	struct sv service = sv_split(&line, ' ');
	struct auth_use *use;
	uint64_t i, t;

	if (sv_to_u64(id, UINT64_MAX, &i) != RC_OK ||
	    sv_to_u64(when, INT64_MAX, &t) != RC_OK ||
	    !is_word(service, USE_SERVICE_MAX) || !is_word(line, USE_PEER_MAX))
		return false;
	use = find_or_add_use(u, i);
	use->when = (int64_t)t;
	sv_copy(service, use->service, sizeof use->service);
	sv_copy(line, use->peer, sizeof use->peer);
	return true;
}

void
auth_uses_load(struct auth_uses *u, const char *path)
{
	struct buf b;
	struct err err;
	struct sv text;

	buf_init(&b, FILE_MAX);
	if (io_read_file(path, &b, &err) == RC_OK) {
		text = buf_sv(&b);
		if (sv_eq(sv_split(&text, '\n'), SV(FILE_HEAD)))
			while (text.n > 0 && u->n < USES_MAX)
				if (!read_line(u, sv_split(&text, '\n')))
					break;
	}
	buf_fini(&b);
}

void
auth_uses_save(
    struct auth_uses *u, const char *path, const struct credentials *c)
{
	struct buf b;
	struct err err;
	size_t i, kept = 0;

	if (!u->changed)
		return;
	buf_init(&b, FILE_MAX);
	buf_adds(&b, FILE_HEAD "\n");
	for (i = 0; i < u->n; i++) {
		const struct auth_use *x = &u->use[i];

		if (!credentials_app_has(c, x->id))
			continue;
		buf_addf(&b, "%llu %lld %s %s\n", (unsigned long long)x->id,
		    (long long)x->when, x->service, x->peer);
		u->use[kept++] = *x;
	}
	u->n = kept;
	if (io_replace_file(path, buf_sv(&b), 0600, &err) == RC_OK)
		u->changed = false;
	buf_fini(&b);
}

/* ---- the list ---- */

struct listing {
	const struct auth_uses *u;
	struct buf *out;
};

static void
list_one(const struct credentials_app *a, void *arg)
{
	struct listing *l = arg;
	const struct auth_use *use = auth_uses_find(l->u, a->id);

	buf_addf(l->out, "%llu %lld %s %s %s\n", (unsigned long long)a->made,
	    use != NULL ? (long long)use->when : 0,
	    use != NULL ? use->service : "-", use != NULL ? use->peer : "-",
	    a->label);
}

void
auth_uses_list(const struct auth_uses *u, const struct credentials *c,
    struct sv account, struct buf *out)
{
	struct listing l = {u, out};

	credentials_app_each(c, account, list_one, &l);
}
