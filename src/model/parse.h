/* Reading the run file's `model:`: shared by the parts of it. */
#ifndef MODEL_PARSE_H
#define MODEL_PARSE_H

#include "model/append.h"

/* A model from its description, not yet built. */
ls_status ls_model_describe(struct ls_model **model, const struct ls_tree *tree,
                            const struct ls_model_files *files);
/* A layer or a nested model of this kind, not yet in the model. */
ls_status ls_part_parse(struct ls_model *model, const struct ls_tree *options, const char *name,
                        const struct ls_model_files *files, struct ls_part *part);
/* A model with `inputs`: {inputs, layers, outputs}, into a model that has no parts. */
ls_status ls_graph_parse(struct ls_model *model, const struct ls_tree *tree,
                         const struct ls_model_files *files);

#endif
