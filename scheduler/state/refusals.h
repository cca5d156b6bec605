// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_REFUSALS_H
#define SCHEDULER_STATE_REFUSALS_H

/* Why a pod has no shape to plan with, in words that never change and begin with SHAPE_REFUSED
 * (shape.h): one for each limit that a pod may pass.
 */

extern const char refusal_long_name[];
extern const char refusal_many_names[]; /* in all */
extern const char refusal_many_words[]; /* of the pod's own */
extern const char refusal_much_text[];
extern const char refusal_many_shapes[];
extern const char refusal_many_resources[];
extern const char refusal_many_labels[];
extern const char refusal_many_terms[];
extern const char refusal_many_expressions[];
extern const char refusal_many_values[];
extern const char refusal_many_tolerations[];

#endif
