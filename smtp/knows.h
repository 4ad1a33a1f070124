/*
 * Whom people here have written to, as the queue has said a moment ago: it is
 * asked about each message that is judged, and mail comes in bursts from the
 * same few authors.  An answer is believed until the queue says that there is
 * news (QUEUE_KNOWN_NEWS), or another queue is there, and KNOWS_MS at most: of
 * a line that is full, news may be lost.
 * What is remembered is a keyed hash.  Bounded, and it may forget.
 */
#ifndef SMTP_KNOWS_H
#define SMTP_KNOWS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define KNOWS_MS   (60 * 1000)
#define KNOWS_ROWS 1024
#define KNOWS_WAYS 4

struct knows_row {
	uint64_t key;
	int64_t until; /* clk_mono; 0: free */
	bool yes;
};

struct smtp_knows {
	pthread_mutex_t lock; /* of what follows */
	uint64_t news;
	unsigned char secret[16];
	struct knows_row *row; /* NULL: nothing was asked yet */
};

/* *k: anything; its lock is in it, so it stays where it is. */
void smtp_knows_init(struct smtp_knows *k);
/* Nobody uses it any more. */
void smtp_knows_fini(struct smtp_knows *k);

/* The queue has news.  From any thread, as the next two. */
void smtp_knows_forget(struct smtp_knows *k);

/*
 * now: clk_mono.  True: *yes is the answer.  False: it is to be asked for, and
 * put with the same *ticket: news that comes in the meantime wins.
 */
bool smtp_knows_get(struct smtp_knows *k, const char *account,
    const char *address, int64_t now, bool *yes, uint64_t *ticket);
void smtp_knows_put(struct smtp_knows *k, const char *account,
    const char *address, int64_t now, bool yes, uint64_t ticket);

#endif
