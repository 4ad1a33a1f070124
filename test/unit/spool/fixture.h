/* The queue's process without the process, with lines of our own as smtp,
 * keeper, mx and auth. */
#ifndef TEST_UNIT_SPOOL_FIXTURE_H
#define TEST_UNIT_SPOOL_FIXTURE_H

#include <check.h>

#include "ipc/msg_queue.h"
#include "queue/spool/service_priv.h"
#include "queue/spool/spool_priv.h"

extern struct ev_loop *loop;
extern struct conf *conf;
extern struct queue_service *q;
extern int smtp, mx, keeper, auth;
extern const struct journal_io *disk; /* NULL: the real one */

/* Lets the service do what it has to do. */
void turn(int64_t ms);
/* The supervisor brings a line to mx. */
void connect_mx(void);
void connect_keeper(void);
/* mx says that it has nothing more in hand. */
void listed(void);
void start_alone(void);
void start(void);
void end(void);
void configure(const char *more);
void setup(void);
void teardown(void);
int answered(struct msg *m);
void put_to(const char *sender, const char *const *to, uint32_t n);
void put_as(const char *sender, const char *to);
/* The next message on a line; its id. */
uint32_t expect(int fd, uint16_t type);
bool is_silent(int fd);
/* Until there is something to be read. */
void await(int fd);
void expect_noted(uint64_t job);
/* The same of all whom a job can be for, here. */
void mx_says(uint32_t id, bool reached, unsigned code, const char *reply_text);
void keeper_says(uint32_t id);
struct spool_item *only(void);
/* Makes what waits due. */
void hurry(void);
/* auth's part: says which keys, signs (known), or does not. */
void auth_says(int rc, bool known);
/* The owner's command; how many recipients it was for. */
uint32_t act(enum queue_action action, enum queue_pick pick, const char *text);

#endif
