#include "queue/spool/known.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/be.h"
#include "base/io.h"
#include "base/log.h"
#include "journal/crc32c.h"
#include "msgauth/list.h"

#define FILE_NAME   "known"
#define FILE_NEW    "known.new"
#define MAGIC	    "hmknown\n"
#define VERSION	    1u
#define HEAD	    32u
#define ENTRY	    24u
#define SLACK	    1024u /* entries out of date before it is written anew */
#define AGAIN_DAYS  7u	  /* when the day is noted anew */
#define DAY_MS	    (24ll * 3600 * 1000)
#define FORGET_PART 8u /* this part of them goes at once */
#define SLOTS_MIN   64u

_Static_assert(crypto_shorthash_KEYBYTES == 16, "the key's place");

struct entry {
	uint64_t address, account;
	uint32_t day;
};

struct owner {
	uint64_t account;
	size_t n;
};

struct known {
	int dirfd, fd; /* fd -1: it cannot be written */
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct entry *e;
	size_t n, cap;
	uint32_t *slot; /* 1 and more: of e; by the address */
	size_t nslot;
	struct owner *owner; /* every account that has had one */
	size_t nowner, owner_cap;
	size_t written; /* entries in the file */
	bool dirty;
};

/* ---- the table ---- */

static uint64_t
hash(const struct known *k, struct sv s)
{
	uint64_t h;

	(void)crypto_shorthash(
	    (unsigned char *)&h, (const unsigned char *)s.p, s.n, k->key);
	return h;
}

static void
put_slot(struct known *k, size_t i)
{
	size_t s = (size_t)k->e[i].address & (k->nslot - 1);

	while (k->slot[s] != 0)
		s = (s + 1) & (k->nslot - 1);
	k->slot[s] = (uint32_t)(i + 1);
}

static void
rebuild(struct known *k)
{
	size_t i;

	free(k->slot);
	k->nslot = SLOTS_MIN;
	while (k->nslot < 3 * k->n)
		k->nslot *= 2;
	k->slot = xcalloc(k->nslot, sizeof *k->slot);
	for (i = 0; i < k->n; i++)
		put_slot(k, i);
}

/* account NULL: of any account. */
static struct entry *
find(const struct known *k, uint64_t address, const uint64_t *account)
{
	size_t s = (size_t)address & (k->nslot - 1);

	for (; k->nslot > 0 && k->slot[s] != 0; s = (s + 1) & (k->nslot - 1)) {
		struct entry *e = &k->e[k->slot[s] - 1];

		if (e->address == address &&
		    (account == NULL || e->account == *account))
			return e;
	}
	return NULL;
}

/* How many the account has. */
static size_t *
count_of(struct known *k, uint64_t account)
{
	size_t i;

	for (i = 0; i < k->nowner; i++)
		if (k->owner[i].account == account)
			return &k->owner[i].n;
	k->owner =
	    xgrow(k->owner, &k->owner_cap, k->nowner + 1, sizeof *k->owner);
	k->owner[k->nowner++] = (struct owner){account, 0};
	return &k->owner[i].n;
}

static int
by_day(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool
is_of(const struct entry *e, const uint64_t *account)
{
	return account == NULL || e->account == *account;
}

/* The oldest part of them, of one account or of all. */
static void
forget(struct known *k, const uint64_t *account)
{
	uint32_t *day = xcalloc(k->n + 1, sizeof *day), last;
	size_t i, had = 0, kept = 0, gone = 0, go;

	for (i = 0; i < k->n; i++)
		if (is_of(&k->e[i], account))
			day[had++] = k->e[i].day;
	qsort(day, had, sizeof *day, by_day);
	go = had / FORGET_PART + 1;
	last = day[go - 1 < had ? go - 1 : had - 1];
	for (i = 0; i < k->n; i++) {
		if (is_of(&k->e[i], account) && k->e[i].day <= last &&
		    gone < go) {
			gone++;
			--*count_of(k, k->e[i].account);
		} else {
			k->e[kept++] = k->e[i];
		}
	}
	k->n = kept;
	free(day);
	rebuild(k);
}

/* False: it was known as well before.  bounded: an account's bound is kept. */
static bool
note(struct known *k, struct entry new, bool bounded)
{
	struct entry *e = find(k, new.address, &new.account);

	if (e != NULL) {
		if (new.day < e->day + AGAIN_DAYS)
			return false;
		e->day = new.day;
		return true;
	}
	if (bounded && *count_of(k, new.account) >= KNOWN_OF_ACCOUNT)
		forget(k, &new.account);
	if (k->n >= KNOWN_OF_ALL)
		forget(k, NULL);
	k->e = xgrow(k->e, &k->cap, k->n + 1, sizeof *k->e);
	k->e[k->n++] = new;
	++*count_of(k, new.account);
	if (3 * k->n > k->nslot)
		rebuild(k);
	else
		put_slot(k, k->n - 1);
	return true;
}

/* ---- the file ---- */

static void
encode(const struct entry *e, char out[ENTRY])
{
	memcpy(out, &e->address, 8);
	memcpy(out + 8, &e->account, 8);
	be_put32(out + 16, e->day);
	be_put32(out + 20, crc32c(0, out, 20));
}

static bool
decode(const char in[ENTRY], struct entry *e)
{
	memcpy(&e->address, in, 8);
	memcpy(&e->account, in + 8, 8);
	e->day = be_get32(in + 16);
	return be_get32(in + 20) == crc32c(0, in, 20);
}

static void
trouble(struct known *k, const char *what)
{
	mlog(LOG_WARN, "queue.known", "text=\"%s: %s\"", what, strerror(errno));
	io_close(&k->fd);
}

static bool
write_entries(const struct known *k, int fd)
{
	char b[256 * ENTRY];
	size_t i, n = 0;

	for (i = 0; i < k->n; i++) {
		encode(&k->e[i], b + n);
		n += ENTRY;
		if (n == sizeof b || i + 1 == k->n) {
			if (io_write_all(fd, b, n) != RC_OK)
				return false;
			n = 0;
		}
	}
	return true;
}

/* In the place of what is there. */
static void
write_anew(struct known *k)
{
	char head[HEAD] = MAGIC;
	int fd = openat(k->dirfd, FILE_NEW,
	    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600);

	be_put64(head + 8, VERSION);
	memcpy(head + 16, k->key, sizeof k->key);
	io_close(&k->fd);
	k->fd = fd;
	k->written = k->n;
	if (fd < 0 || io_write_all(fd, head, sizeof head) != RC_OK ||
	    !write_entries(k, fd) || fdatasync(fd) != 0 ||
	    renameat(k->dirfd, FILE_NEW, k->dirfd, FILE_NAME) != 0)
		trouble(k, "whom people here write to cannot be noted");
	k->dirty = false;
}

/* After all have been read: which of them are out of date is known only then.
 */
static void
bound_accounts(struct known *k)
{
	size_t i;

	for (i = 0; i < k->nowner; i++)
		while (k->owner[i].n > KNOWN_OF_ACCOUNT)
			forget(k, &k->owner[i].account);
}

/* False: it is not one of ours, or damaged from the beginning on. */
static bool
read_file(struct known *k, int fd)
{
	char head[HEAD], b[ENTRY * 256];
	off_t at = HEAD;
	ssize_t n;

	if (pread(fd, head, sizeof head, 0) != HEAD ||
	    memcmp(head, MAGIC, 8) != 0 || be_get64(head + 8) != VERSION)
		return false;
	memcpy(k->key, head + 16, sizeof k->key);
	while ((n = pread(fd, b, sizeof b, at)) >= (ssize_t)ENTRY) {
		size_t i, whole = (size_t)n / ENTRY;

		for (i = 0; i < whole; i++) {
			struct entry e;

			if (decode(b + i * ENTRY, &e))
				(void)note(k, e, false);
		}
		at += (off_t)(whole * ENTRY);
		k->written += whole;
	}
	bound_accounts(k);
	return true;
}

struct known *
known_open(int dirfd)
{
	struct known *k = xcalloc(1, sizeof *k);
	off_t end;

	k->dirfd = dup(dirfd);
	randombytes_buf(k->key, sizeof k->key);
	k->fd = openat(dirfd, FILE_NAME, O_RDWR | O_CLOEXEC | O_APPEND);
	if (k->fd >= 0 && read_file(k, k->fd)) {
		end = lseek(k->fd, 0, SEEK_END);
		/* What comes next must not be behind half an entry. */
		if (end >= HEAD && (end - HEAD) % ENTRY == 0)
			return k;
	} else if (k->fd >= 0) {
		mlog(LOG_WARN, "queue.known",
		    "text=\"the file spool/known is damaged; whom people here "
		    "have written to is forgotten\"");
	} else if (errno != ENOENT) {
		trouble(k, "spool/known cannot be opened");
	}
	write_anew(k);
	return k;
}

void
known_free(struct known **kp)
{
	struct known *k = *kp;

	if (k == NULL)
		return;
	known_sync(k);
	io_close(&k->fd);
	io_close(&k->dirfd);
	free(k->owner);
	free(k->slot);
	free(k->e);
	free(k);
	*kp = NULL;
}

/* ---- in and out ---- */

static void
lower(struct sv s, struct buf *out)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		buf_addc(out, ascii_lower(s.p[i]));
}

static bool
add(struct known *k, struct sv account, struct sv address, int64_t now)
{
	struct entry e = {hash(k, address), hash(k, account),
	    now > 0 ? (uint32_t)(now / DAY_MS) : 0};
	char b[ENTRY];

	if (!note(k, e, true))
		return false;
	if (k->fd < 0)
		return true;
	if (k->written > 2 * k->n + SLACK) {
		write_anew(k);
		return true;
	}
	encode(&e, b);
	k->written++;
	k->dirty = true;
	if (io_write_all(k->fd, b, sizeof b) != RC_OK)
		trouble(k, "whom people here write to cannot be noted");
	return true;
}

bool
known_add(struct known *k, struct sv account, struct sv address, int64_t now)
{
	char list[LIST_ADDRESS_MAX];
	struct buf b;
	bool news;

	buf_init(&b, address.n + 1);
	lower(address, &b);
	news = add(k, account, buf_sv(&b), now);
	if (list_address_of(address, list) == RC_OK &&
	    !sv_eq(sv_str(list), buf_sv(&b)))
		news = add(k, account, sv_str(list), now) || news;
	buf_fini(&b);
	return news;
}

bool
known_has(const struct known *k, struct sv account, struct sv address)
{
	uint64_t of = hash(k, account);
	struct buf b;
	bool yes;

	buf_init(&b, address.n + 1);
	lower(address, &b);
	yes = find(k, hash(k, buf_sv(&b)), account.n > 0 ? &of : NULL) != NULL;
	buf_fini(&b);
	return yes;
}

size_t
known_count(const struct known *k)
{
	return k->n;
}

void
known_sync(struct known *k)
{
	if (k->dirty && k->fd >= 0 && fdatasync(k->fd) != 0)
		trouble(k, "whom people here write to cannot be noted");
	k->dirty = false;
}
