"""The losses: two views, many crops, a momentum teacher, self-labels.

In float32, each view, each direction and each softmax for itself, as the formulas are written: for nearly one-hot
predictions the gradient is a difference of almost equal numbers, and another order of operations has another rounding.
"""
import functools, math

import torch
from torch.nn import functional as F

from cases import Case, Family, normal, off_by_relative, relative, single


def entropy(p, eps):
    return -(p * (p + eps).log()).sum(-1)


def divergence(p, q, eps):
    return (p * (p + eps).log() - p * (q + eps).log()).sum(1).mean()


def mean(values):
    return torch.stack(values).mean()


def weighted(kl, views, case):
    """The sum, with the mean entropy and the entropy of the mean, averaged over the views."""
    probs, eps = [(view / case["tau"]).softmax(1) for view in views], case["eps"]
    eh, he = mean([entropy(p, eps).mean() for p in probs]), mean([entropy(p.mean(0), eps) for p in probs])
    return dict(kl=kl, eh=eh, he=he, final=kl + (1 + case["lam1"]) * eh - case["lam2"] * he)


def pair(a, b, case):
    p, q = a.softmax(1), b.softmax(1)
    return weighted(mean([divergence(p, q, case["eps"]), divergence(q, p, case["eps"])]), (a, b), case)


def two_view(case):
    a, b = (case[name].clone().requires_grad_() for name in ("f1", "f2"))
    terms = pair(a, b, case)
    g1, g2 = torch.autograd.grad(terms["final"], (a, b))
    return dict(terms, g1=g1, g2=g2)


def multi_crop(case):
    feats = case["feats"].clone().requires_grad_()
    views = feats.chunk(case["n_views"])
    pairs = [pair(views[i], views[j], case) for i in (0, 1) for j in range(i + 1, len(views))]
    terms = {name: mean([terms[name] for terms in pairs]) for name in pairs[0]}
    return dict(terms, grads=torch.autograd.grad(terms["final"], feats)[0])


def momentum_teacher(case):
    student = case["student"].clone().requires_grad_()
    views = student.chunk(case["n_views"])
    targets = [(view / case["tau"]).softmax(1) for view in case["teacher"].chunk(2)]
    probs = [(view / case["tau"]).softmax(1) for view in views]
    pairs = [divergence(t, s, case["eps"]) for i, t in enumerate(targets) for j, s in enumerate(probs) if i != j]
    terms = weighted(mean(pairs), views, case)
    return dict(terms, grads=torch.autograd.grad(terms["final"], student)[0])


def self_label(case):
    """The surer of two global views labels the other one and the local ones, for the sure part of the batch."""
    feats = case["feats"].clone().requires_grad_()
    views = feats.chunk(case["n_views"])
    anchors = case["teacher"].chunk(2) if case["use_teacher"] else views[:2]
    confidence, label = torch.stack([view.detach().softmax(1) for view in anchors]).max(2)
    confidence, surer = confidence.max(0)
    target = label.gather(0, surer[None])[0]
    threshold = confidence.sort(descending=True).values[int(case["quantile"] * len(confidence))]
    sure = confidence > threshold
    other = torch.where(surer[:, None] == 0, views[1], views[0])
    loss = mean([F.cross_entropy(view[sure], target[sure]) for view in (other, *views[2:])])
    return dict(threshold=threshold, frac=sure.float().mean(), loss=loss, grads=torch.autograd.grad(loss, feats)[0])


def answer(case):
    kinds = dict(two_view=two_view, multi_crop=multi_crop, teacher=momentum_teacher, self_label=self_label)
    return single(kinds[case.name.split(".")[0]](case))


def draw(rng):
    def some(least, most):
        return int(rng.integers(least, most))

    def weights(tau):
        lam1, lam2 = rng.choice([0, -0.6, rng.uniform(-0.5, 1)]), rng.choice([1, rng.uniform(0.4, 1.4)])
        return dict(lam1=round(float(lam1), 3), lam2=round(float(lam2), 3), tau=round(float(tau), 3), eps=1e-5)

    def two(batch, classes, std, alike, tau):
        f1 = normal(rng, batch, classes, std=std)
        f2 = alike * f1 + math.sqrt(1 - alike**2) * normal(rng, batch, classes, std=std)
        return dict(weights(tau), f1=f1, f2=f2)

    def many(student, teacher):
        n, b, k = some(3, 15), some(10, 40), some(20, 150)
        given = dict(n_views=n, **weights(rng.uniform(0.5, 1.5))) | {student: normal(rng, n * b, k)}
        return given | ({"teacher": normal(rng, 2 * b, k)} if teacher else {})

    def labels(use_teacher):
        n, b, k = some(3, 15), some(16, 60), some(8, 60)
        return dict(n_views=n, quantile=round(rng.uniform(0.3, 0.8), 3), use_teacher=use_teacher, tau=1.0,
                    feats=normal(rng, n * b, k, std=2), teacher=normal(rng, 2 * b, k, std=2))

    def conditioned(name, make):
        """Draws until float32 holds every value well within 1e-5, however an implementation orders its operations."""
        while True:
            given = make()
            exact = {key: v.double() if isinstance(v, torch.Tensor) else v for key, v in given.items()}
            values, exact = (answer(Case(name, 0, numbers)) for numbers in (given, exact))
            if all(relative(values[part], exact[part]) < 3e-6 for part in values):
                return given

    tau = rng.uniform(0.4, 2)
    two_views = [(some(20, 80), some(20, 200), 1, 0, 1), (some(20, 50), some(300, 1500), 2, 0.7, 1),
                 (some(20, 80), some(20, 200), 3, 0.5, tau), (some(8, 20), some(2000, 5000), 1, 0, tau),
                 (some(6, 12), some(6, 14), 30, 0, 1)]
    cases = {f"two_view.{n}": functools.partial(two, *case) for n, case in enumerate(two_views)}
    cases |= {f"multi_crop.{n}": functools.partial(many, "feats", False) for n in range(2)}
    cases |= {f"teacher.{n}": functools.partial(many, "student", True) for n in range(2)}
    drawn = {name: conditioned(name, make) for name, make in cases.items()}
    return drawn | {f"self_label.{n}": labels(use_teacher) for n, use_teacher in enumerate((False, False, True))}


FAMILY = Family("loss", draw, answer, "lam[12]|tau|eps|n_views|quantile|use_teacher|f[12]|feats|student|teacher",
                off_by_relative(1e-5))
