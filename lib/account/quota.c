#include "account/quota.h"

#include <fcntl.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clk.h"
#include "base/log.h"
#include "base/size.h"
#include "ipc/msg_account.h"
#include "ipc/proto.h"
#include "mail/date.h"

#define MARK	   "quota-warned" /* in the process's own folder */
#define LETTER_MAX 8192
#define RETRY_MS   (10 * 60 * 1000)

static void
find_mark(struct quota_watch *q)
{
	int fd = openat(AT_FDCWD, MARK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	q->warned = fd >= 0;
	if (fd >= 0)
		(void)close(fd);
}

void
quota_watch_init(struct quota_watch *q, struct store *store)
{
	*q = (struct quota_watch){.store = store, .account = -1};
}

void
quota_watch_fini(struct quota_watch *q)
{
	conf_free(&q->conf);
}

void
quota_watch_conf(struct quota_watch *q, struct conf *conf, const char *account)
{
	if (q->conf == NULL)
		find_mark(q);
	conf_free(&q->conf);
	q->conf = conf_ref(conf);
	q->account = conf_account_by_name(conf, sv_str(account));
	store_set_quota(q->store,
	    q->account >= 0 ? conf_quota(conf, (uint32_t)q->account) : 0);
	q->told = false;
}

void
quota_watch_forget(struct quota_watch *q)
{
	q->told = false;
}

/* ---- the letter ---- */

static void
set_warned(struct quota_watch *q, bool on)
{
	int fd;

	if (q->warned == on)
		return;
	q->warned = on;
	if (!on) {
		(void)unlinkat(AT_FDCWD, MARK, 0);
		return;
	}
	fd = openat(
	    AT_FDCWD, MARK, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		mlog(LOG_WARN, "quota.mark", "text=\"cannot be written\"");
	else
		(void)close(fd);
}

static void
put_letter(
    const struct quota_watch *q, const struct store_usage *u, struct buf *out)
{
	const struct conf_account *a = &q->conf->account[q->account];
	unsigned long long percent = u->bytes * 100 / u->quota;
	char used[SIZE_TEXT], all[SIZE_TEXT];
	uint64_t id[2];

	randombytes_buf(id, sizeof id);
	buf_adds(out, "Return-Path: <>\r\nDate: ");
	mail_date_print(clk_now() / 1000, 0, out);
	buf_addf(out,
	    "\r\nFrom: Mail server <postmaster@%s>\r\nTo: <%s>\r\n"
	    "Message-ID: <%016llx%016llx@%s>\r\n"
	    "Subject: Your mailbox is %llu %% full\r\n"
	    "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n\r\n",
	    /* One that may be answered: the host's name is not one of our
	     * domains.
	     */
	    q->conf->domain[0].name, a->naddress > 0 ? a->address[0] : a->name,
	    (unsigned long long)id[0], (unsigned long long)id[1],
	    q->conf->hostname, percent);
	buf_addf(out,
	    "Your folders contain %sB of mail in total; your quota is "
	    "%sB.\r\n\r\nWhen it is used up, new mail is refused until there "
	    "is room again:\r\ndelete what you do not need, and empty the "
	    "trash.  Large attachments help most.\r\n",
	    size_print(u->bytes, used), size_print(u->quota, all));
}

/* As a delivery, which no quota refuses.  False: it is tried again. */
static bool
deliver_letter(
    struct quota_watch *q, const struct store_usage *u, uint64_t *need)
{
	uint8_t id[16];
	struct store_add add = {.mailbox = "INBOX", .delivery_id = id};
	struct store_body *body = store_body_new(q->store);
	struct store_added added;
	struct err err = {0};
	struct buf letter;
	int r;

	randombytes_buf(id, sizeof id);
	buf_init(&letter, LETTER_MAX);
	put_letter(q, u, &letter);
	r = buf_ok(&letter) ? store_body_add(body, letter.p, letter.n)
			    : RC_TOOBIG;
	if (r == RC_OK)
		r = store_add(q->store, &body, &add, &added, need, &err);
	store_body_free(&body);
	buf_fini(&letter);
	mlog(r == RC_OK ? LOG_INFO : LOG_WARN, "quota.warn",
	    "account=%s bytes=%llu quota=%llu rc=%s",
	    q->conf->account[q->account].name, (unsigned long long)u->bytes,
	    (unsigned long long)u->quota, rc_name(r));
	return r == RC_OK;
}

/* The mark comes when the letter is on the disk, not before: rather two
 * letters than none. */
static void
warn(struct quota_watch *q, const struct store_usage *u, uint64_t *need)
{
	if (deliver_letter(q, u, need) && store_flush(q->store, *need) == RC_OK)
		set_warned(q, true);
	else
		q->again_at = clk_mono() + RETRY_MS;
}

/* ---- looking ---- */

/* What the keeper has to know: who is full, at once; how much, roughly. */
static bool
is_news(const struct quota_watch *q, const struct store_usage *u)
{
	uint64_t more = u->bytes > q->told_bytes ? u->bytes - q->told_bytes
						 : q->told_bytes - u->bytes;

	return !q->told || u->quota != q->told_quota ||
	       (u->bytes >= u->quota) != (q->told_bytes >= u->quota) ||
	       more > u->quota / 100;
}

bool
quota_watch_look(struct quota_watch *q, struct msg *news, uint64_t *need)
{
	struct store_usage u = {.quota = 0};
	struct account_usage usage;
	uint64_t seen = 0;

	if (q->account < 0)
		return false;
	if (conf_quota(q->conf, (uint32_t)q->account) != 0)
		store_usage(q->store, &u, &seen);
	if (u.quota == 0) {
		if (q->told && q->told_quota == 0)
			return false;
		set_warned(q, false);
	} else {
		if (u.bytes < u.quota - u.quota / 5)
			set_warned(q, false);
		else if (u.bytes >= u.quota - u.quota / 10 && !q->warned &&
			 clk_mono() >= q->again_at)
			warn(q, &u, need);
		if (!is_news(q, &u))
			return false;
	}
	q->told = true;
	q->told_bytes = u.bytes;
	q->told_quota = u.quota;
	usage = (struct account_usage){u.bytes, u.quota};
	msg_init(news, ACCOUNT_USAGE);
	account_usage_put(news, &usage);
	return true;
}
