/* Inside lib/web/admin: a visit, and what its pages are made with. */
#ifndef WEB_ADMIN_ADMIN_PRIV_H
#define WEB_ADMIN_ADMIN_PRIV_H

#include <pthread.h>

#include <jansson.h>

#include "base/form.h"
#include "ipc/msg_page.h"
#include "net/pool.h"
#include "web/admin/admin.h"
#include "web/page/page.h"

#define ADMIN_WAIT_MS	8000 /* a browser waits that long for a page */
#define ADMIN_FIELD_MAX 1024

/* What the supervisor's command has printed the last time. */
struct printed {
	uint64_t turn; /* grows with each answer */
	int rc;
	int64_t when;
	struct buf text;
};

struct admin {
	struct admin_opts o;
	struct pool *pool;
	struct ev_timer *tick;
	int64_t last;	      /* clk_mono, of the last visit */
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t come;
	struct printed printed[ERRANDS];
};

struct admin_page;

struct visit {
	struct pool_task task; /* must be first */
	struct admin *admin;
	struct admin_opts *o;		/* admin's */
	const struct admin_page *pages; /* all, for the navigation */
	size_t npages;
	/* Who has come. */
	char *account, *csrf, *peer;
	uint64_t session;
	/* What is wanted; valid while it is answered. */
	struct page_ask ask;
	struct conf *conf;
	/* What it gets. */
	uint16_t status;
	struct page p;
	struct buf body;
	struct buf location; /* see admin_go */
};

/* One page: its path, its place in the navigation (W_NONE: none), its title,
 * and what is to be done for a GET and a POST (NULL: 405). */
struct admin_page {
	const char *path;
	enum page_word nav, title;
	void (*get)(struct visit *v);
	void (*post)(struct visit *v);
};

/* ---- make.c ---- */

/* Begins the page; what comes next is its content. */
void admin_begin(struct visit *v, enum page_word title);
/* Instead of a page: look at that path, with v->location as its query. */
void admin_go(struct visit *v, const char *path);
/* A field of the query or the form; false, and empty: it is not there, or
 * cannot be read. */
bool admin_field(struct sv form, const char *name, struct buf *out);
bool admin_number(struct sv form, const char *name, uint64_t *out);
/* What was done, and to what, into the log: who and from where. */
void admin_log(const struct visit *v, const char *what, struct sv which);
/* A box that says why there is nothing to be seen now. */
void admin_silent(struct visit *v, int rc);
/* A link to what strangers have written, path?name=value. */
void admin_link(struct visit *v, const char *path, const char *name,
    struct sv value, struct sv text);
/* A term of a list, and what it is. */
void admin_term(struct visit *v, enum page_word term, struct sv text);
/*
 * Lines that a command has printed, or would; if they are too many, as many as
 * fit before `rest` bytes of what comes behind them, and which command prints
 * all.  Nothing if there are none.
 */
void admin_lines(
    struct visit *v, struct sv all, size_t rest, const char *command);
/* How many bytes the page can still take, with so many behind them. */
size_t admin_room(const struct visit *v, size_t rest);
/* As much of the text as takes so many bytes when it is shown, whoever has
 * chosen it. */
struct sv admin_fit(struct sv text, size_t room);
struct sv admin_text(const json_t *j, const char *key);

/* ---- errands.c ---- */

/*
 * What the supervisor's command has printed, at most that old, appended to out.
 * RC_TIMEOUT: it takes longer than wait_ms, and is had later; RC_TEMP.
 */
int admin_errand(struct visit *v, enum errand what, uint64_t ms,
    int64_t wait_ms, struct buf *out, int64_t *when) RC_USE_RESULT;
/* Puts it on the page, line by line; which command prints all of it. */
void admin_put_errand(struct visit *v, enum errand what, const char *command);
/* The same as JSON, to be given back. */
int admin_errand_json(struct visit *v, enum errand what, uint64_t ms,
    int64_t wait_ms, json_t **out, int64_t *when) RC_USE_RESULT;

/* ---- view_*.c: the pages ---- */

void admin_get_status(struct visit *v);
/* A section of its own, on the status page. */
void admin_put_plots(struct visit *v);
void admin_get_queue(struct visit *v);
void admin_post_queue(struct visit *v);
void admin_get_message(struct visit *v);
void admin_get_trace(struct visit *v);
void admin_get_reports(struct visit *v);
void admin_get_dns(struct visit *v);
void admin_post_dns(struct visit *v);
void admin_get_certificates(struct visit *v);
void admin_get_accounts(struct visit *v);
void admin_post_accounts(struct visit *v);
void admin_get_configuration(struct visit *v);

#endif
