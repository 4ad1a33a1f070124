/* Inside smtp/ only: the parts of backend.h that have files of their own.  Each
 * is the function of that name in smtp_ops; ctx is a struct smtp_backend. */
#ifndef SMTP_BACKEND_PRIV_H
#define SMTP_BACKEND_PRIV_H

#include "smtp/backend.h"

#define SMTP_QUEUE_MS 20000 /* for an answer of the queue */

/* ---- backend_sign.c ---- */

int smtp_backend_sign(
    void *ctx, const struct smtp_signing *g, struct buf *out) RC_USE_RESULT;

/* ---- backend_deliver.c ---- */

int smtp_backend_file(void *ctx, int *fd_out) RC_USE_RESULT;
int smtp_backend_deliver(
    void *ctx, const struct smtp_delivery *d, struct err *err) RC_USE_RESULT;

/* ---- backend_scan.c ---- */

int smtp_backend_scan(void *ctx, const struct smtp_scanned *m,
    struct clamd_answer *out) RC_USE_RESULT;

/* ---- backend_report.c ---- */

void smtp_backend_report(void *ctx, const struct smtp_report_mail *m);

#endif
