"""Keras' optimizers with all their options, for optimizers.py and ../keras/optimizers.py."""

from keras import optimizers as o

COMMON = [
    {"weight_decay": 0.1},
    {"clipnorm": 1.0},
    {"clipvalue": 0.5},
    {"global_clipnorm": 1.0},
    {"use_ema": True, "ema_momentum": 0.9},
    {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 4},
    {"gradient_accumulation_steps": 3},
    {
        "use_ema": True,
        "ema_momentum": 0.75,
        "ema_overwrite_frequency": 2,
        "gradient_accumulation_steps": 3,
        "global_clipnorm": 0.5,
        "weight_decay": 0.05,
    },
]
CASES = {
    "sgd": o.SGD(0.05),
    "sgd_momentum": o.SGD(0.05, momentum=0.9),
    "sgd_nesterov": o.SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": o.RMSprop(0.01),
    "rmsprop_momentum": o.RMSprop(0.01, momentum=0.9),
    "rmsprop_centered": o.RMSprop(0.01, momentum=0.5, centered=True),
    "adam": o.Adam(0.01),
    "adam_amsgrad": o.Adam(0.01, amsgrad=True),
    "adamw": o.AdamW(0.01),
    "adamw_amsgrad": o.AdamW(0.01, weight_decay=0.1, amsgrad=True),
    "adamax": o.Adamax(0.01),
    "adamax_options": o.Adamax(0.05, beta_1=0.8, beta_2=0.9, epsilon=0.01),
    "nadam": o.Nadam(0.01),
    "nadam_options": o.Nadam(0.05, beta_1=0.8, beta_2=0.9, epsilon=0.01),
    "adagrad": o.Adagrad(0.05),
    "adagrad_options": o.Adagrad(0.05, initial_accumulator_value=0.5, epsilon=0.01),
    "adadelta": o.Adadelta(1.0),
    "adadelta_options": o.Adadelta(0.5, rho=0.8, epsilon=0.01),
    "ftrl": o.Ftrl(0.05),
    "ftrl_penalties": o.Ftrl(0.05, l1_regularization_strength=0.2, l2_regularization_strength=0.1),
    "ftrl_options": o.Ftrl(
        0.1,
        learning_rate_power=-0.7,
        initial_accumulator_value=0.3,
        l2_shrinkage_regularization_strength=0.05,
        beta=0.2,
    ),
    "lion": o.Lion(0.01),
    "lion_options": o.Lion(0.01, beta_1=0.5, beta_2=0.7),
    "lamb": o.Lamb(0.01),
    "lamb_options": o.Lamb(0.05, beta_1=0.8, beta_2=0.9, epsilon=0.01),
    "muon": o.Muon(0.01),
    "muon_plain": o.Muon(0.01, nesterov=False, rms_rate=None, weight_decay=None, adam_weight_decay=None),
    "muon_excluded": o.Muon(
        0.02, exclude_layers=["tall$|t.ll/", "nothing"], exclude_embeddings=False, ns_steps=3, adam_lr_ratio=0.1, momentum=0.8
    ),
}
for name, kind, rate in [
    ("sgd", o.SGD, 0.05),
    ("rmsprop", o.RMSprop, 0.01),
    ("adam", o.Adam, 0.01),
    ("adamax", o.Adamax, 0.01),
    ("nadam", o.Nadam, 0.01),
    ("adagrad", o.Adagrad, 0.05),
    ("adadelta", o.Adadelta, 1.0),
    ("ftrl", o.Ftrl, 0.05),
    ("lion", o.Lion, 0.01),
    ("lamb", o.Lamb, 0.01),
    ("muon", o.Muon, 0.01),
]:
    for i in range(len(COMMON)) if name in ("sgd", "adam") else (0, len(COMMON) - 1):
        CASES[f"{name}_common_{i}"] = kind(rate, **COMMON[i])
