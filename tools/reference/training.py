"""LARS, in float64, and the schedules."""
import math

from cases import Family, normal, off_by_relative, single


def answer_optim(case):
    """LARS with the learning rate inside the momentum buffer; excluded parameters get plain SGD with momentum."""
    adapted, values = set(case["decay_and_adapt"]), {}
    for name in case["decay_and_adapt"] + case["excluded"]:
        w, buffer = case[f"{name}.init"].double(), 0
        for step, lr in enumerate(case["lr_per_step"]):
            update = case[f"{name}.grad{step}"].double()
            if name in adapted:
                norm, decay = w.norm(), case["weight_decay"]
                rate = case["eta"] * norm / (update.norm() + decay * norm)
                update = (update + decay * w) * rate
            buffer = case["momentum"] * buffer + lr * update
            w = w - buffer
            values[f"{name}.step{step}"] = w
    return single(values)


def draw_optim(rng):
    def lars():
        peak, steps, wide = rng.uniform(0.4, 4), int(rng.integers(6, 10)), lambda: int(rng.integers(3, 20))
        shapes = dict(p0=(wide(), wide()), p1=(wide(), wide(), 3, 3), p2=(wide(),), p3=(wide(),))
        tensors = {f"{p}.init": normal(rng, *shape, std=0.1 if len(shape) == 4 else 1) for p, shape in shapes.items()}
        tensors |= {f"{p}.grad{i}": normal(rng, *shape, std=0.1) for p, shape in shapes.items() for i in range(steps)}
        return dict(lr_per_step=[peak * (i + 1) / steps for i in range(steps)], weight_decay=10 ** rng.uniform(-6, -2),
                    momentum=round(rng.uniform(0.8, 0.95), 3), eta=round(rng.uniform(5e-4, 3e-3), 5),
                    decay_and_adapt=["p0", "p1"], excluded=["p2", "p3"], **tensors)
    return {f"lars.{n}": lars() for n in range(2)}


def half_cosine(t, steps):
    return (1 + math.cos(math.pi * t / steps)) / 2


def learning_rate(step, epochs, mme_epochs, warmup_epochs, sl_warmup_epochs, lr, lr_sl, lr_wbr, iters):
    if step >= mme_epochs * iters:  # self-labelling starts over
        step, mme_epochs, warmup_epochs, lr = step - mme_epochs * iters, epochs - mme_epochs, sl_warmup_epochs, lr_sl
    warmup = warmup_epochs * iters
    if step < warmup:
        return lr * step / warmup
    return lr * (0.001 + 0.999 * half_cosine(step - warmup, mme_epochs * iters - warmup))


def answer_schedules(case):
    if case.name.startswith("cosine"):
        base, end, steps = case["base"], case["final"], case["epochs"] * case["iters_per_epoch"]
        return dict(value=[end + (base - end) * half_cosine(t, steps) for t in case["step"]])
    rates = [learning_rate(step, **case["config"]) for step in case["step"]]
    return dict(lr=rates, lr_bias=[rate / case["config"]["lr_wbr"] for rate in rates])


def draw_schedules(rng):
    def steps(total, *corners):
        corners = {corner + d for corner in (0, *corners, total) for d in (-1, 0, 1) if 0 <= corner + d < total}
        return sorted(corners | set(map(int, rng.choice(total, min(total, 120), replace=False))))

    def rate(labelling):
        main, warmup, iters = int(rng.integers(20, 300)), int(rng.integers(1, 12)), int(rng.integers(7, 40))
        restart, epochs = int(rng.integers(1, 6)), main + (int(rng.integers(7, 60)) if labelling else 0)
        config = dict(epochs=epochs, mme_epochs=main, warmup_epochs=warmup, sl_warmup_epochs=restart,
                      lr=rng.uniform(0.001, 5), lr_sl=rng.uniform(0.01, 1), lr_wbr=float(rng.choice([1, 2, 4.5])),
                      iters=iters)
        corners = warmup, main, main + restart
        return dict(config=config, step=steps(epochs * iters, *(epoch * iters for epoch in corners)))

    def cosine(base, final):
        epochs, iters = int(rng.integers(4, 60)), int(rng.integers(15, 40))
        return dict(base=base, final=final, epochs=epochs, iters_per_epoch=iters, step=steps(epochs * iters))

    decay = 10 ** rng.uniform(-6, -3)
    ends = [(rng.uniform(0.01, 0.1), rng.uniform(0.1, 0.5)), (rng.uniform(0.99, 0.999), 1.0), (0.4, 0.75),
            (decay, decay)]
    return ({f"learning_rate.{n}": rate(labelling) for n, labelling in enumerate((True, False, True, True))}
            | {f"cosine.{n}": cosine(*pair) for n, pair in enumerate(ends)})


OPTIM = Family("optim", draw_optim, answer_optim,
               r"lr_per_step|weight_decay|momentum|eta|decay_and_adapt|excluded|\w+\.(init|grad\d+)",
               off_by_relative(1e-6))
SCHEDULES = Family("schedules", draw_schedules, answer_schedules, "config|step|base|final|epochs|iters_per_epoch",
                   off_by_relative(1e-9))
