#include "est_protocol.h"

#include "est.h"
#include "est_anchors.h"
#include "est_order.h"

const struct ca_ops est_ops = {
	.word = "est",
	.signs = true,
	.has_anchors = true,
	.open = est_open,
	.advance = est_advance,
	.settle = est_settle,
	.account = est_account,
	.check = est_check,
	.close = est_close,
	.look_at_anchors = est_look_at_anchors,
};
