"""Words that a learner may look up: a sentence for the pages, and more for docs/glossary.md.

The pages' help texts take the short definitions from here; `python -m tools.docs` writes the page.
"""

from typing import Final, NamedTuple


class Term(NamedTuple):
    """A word, what it means in a sentence, and what is worth knowing beyond that."""

    title: str
    short: str
    more: str = ""


TERMS: Final = {
    "accuracy": Term(
        "Accuracy",
        "Share of the images whose predicted label is the true label.",
        "Always read it with its protocol: on which split, and what chose the epoch.",
    ),
    "adversarial_example": Term(
        "Adversarial example",
        "An image changed so little that people hardly see it, and yet predicted as another class.",
        "FGSM moves every pixel once along the sign of the loss's gradient (Goodfellow et al. "
        "2015); PGD takes several smaller steps (Madry et al. 2018).",
    ),
    "attribution": Term(
        "Attribution",
        "A number for each pixel or region of an image: how much it speaks for a class.",
        "Methods answer different questions and can disagree. Read what each one claims, and check "
        "whether its map changes when the weights are random.",
    ),
    "augmentation": Term(
        "Augmentation",
        "Random changes of each training image, new ones every time it is shown.",
        "Flips, shifts and cutouts make more of the same 55,000 images and delay overfitting.",
    ),
    "brier": Term(
        "Brier score",
        "Mean squared difference between the probabilities and the true label; 0 is best, 2 is "
        "worst.",
        "It falls when predictions become more accurate or better calibrated.",
    ),
    "calibration": Term(
        "Calibration",
        "Whether confidence matches accuracy: of the predictions made with 80% confidence, 80% "
        "should be correct.",
        "The reliability diagram shows it bin by bin; ECE and MCE sum it up.",
    ),
    "cartography": Term(
        "Cartography (training dynamics)",
        "A map of images by how probable their label was on average over the epochs, and how much "
        "that changed.",
        "Its ends are images that are easy to learn, ambiguous, or hard to learn (Swayamdipta et "
        "al. 2020). Those hard to learn often have a wrong label.",
    ),
    "confidence": Term(
        "Confidence",
        "The highest of the ten probabilities: that of the predicted label.",
    ),
    "confusion_matrix": Term(
        "Confusion matrix",
        "Number of images per true label (row) and predicted label (column); correct predictions "
        "are on the diagonal.",
        "Two cells that mirror each other often differ: a model may predict shirts as T-shirts "
        "more often than T-shirts as shirts.",
    ),
    "cutmix": Term(
        "CutMix",
        "Pastes a rectangle of one training image into another, and mixes their labels by area.",
        "Yun et al. 2019.",
    ),
    "cutout": Term(
        "Cutout",
        "Covers a random square of every training image with the mean gray.",
        "The model learns not to rely on one detail. DeVries and Taylor 2017.",
    ),
    "distillation": Term(
        "Distillation",
        "A model learns from the probabilities of a finished model, the teacher, beside the "
        "labels.",
        "The probabilities tell which classes resemble each other. Hinton et al. 2015.",
    ),
    "dropout": Term(
        "Dropout",
        "Sets random activations to zero during training, so that no unit relies on another.",
        "Srivastava et al. 2014.",
    ),
    "early_stopping": Term(
        "Early stopping",
        "Ends a run when the validation accuracy has not improved for a number of epochs.",
    ),
    "ece": Term(
        "ECE (expected calibration error)",
        "Mean difference between confidence and accuracy over the bins, weighted by their images; "
        "0 is best.",
        "Guo et al. 2017.",
    ),
    "ema": Term(
        "EMA (exponential moving average)",
        "A running mean of the weights; the mean is evaluated and saved.",
        "It removes much of the noise of the last steps.",
    ),
    "ensemble": Term(
        "Ensemble",
        "Several models whose probabilities are averaged.",
        "It gains most when its members make different errors.",
    ),
    "entropy": Term(
        "Entropy",
        "How spread out the ten probabilities are, in nats: 0 if one is 1, 2.30 if all are equal.",
    ),
    "epoch": Term("Epoch", "One pass over the training images."),
    "f1": Term("F1 score", "Harmonic mean of precision and recall."),
    "feature_map": Term(
        "Feature map",
        "What one channel of a layer gives for an image: a number for each place.",
        "A convolution computes each number from a small patch of all maps before it: patch times "
        "kernel, added up, plus the bias.",
    ),
    "feature_space": Term(
        "Feature space",
        "The numbers that go into the network's last layer; images that are near in it look alike "
        "to the model.",
    ),
    "forgetting": Term(
        "Forgetting event",
        "An image that was classified correctly after one epoch and misclassified after the next.",
        "Images that are forgotten often are ambiguous or mislabeled. Toneva et al. 2019.",
    ),
    "generalization_gap": Term(
        "Generalization gap",
        "Training accuracy minus validation (or test) accuracy.",
        "A gap that grows while the validation loss rises is overfitting.",
    ),
    "grad_cam": Term(
        "Grad-CAM",
        "Attribution by a convolution: its rectified maps, each weighted by the mean gradient of "
        "the class by it.",
        "As coarse as the layer, often 7×7 cells. As published, a ReLU keeps only what speaks for "
        "the class. Selvaraju et al. 2017.",
    ),
    "integrated_gradients": Term(
        "Integrated gradients",
        "Attribution to pixels: each pixel times the mean gradient on the straight way from black "
        "to the image.",
        "The values sum to the score of the image minus that of a black image. Sundararajan et al. "
        "2017.",
    ),
    "label_smoothing": Term(
        "Label smoothing",
        "Spreads a small share of the target evenly over all classes, to prevent overconfidence.",
        "Szegedy et al. 2016.",
    ),
    "logits": Term(
        "Logits", "The model's ten outputs before softmax turns them into probabilities."
    ),
    "map_layout": Term(
        "Map of images",
        "A place in the plane for every image, so that neighbors in the feature space stay "
        "neighbors.",
        "PCA shows the two directions of largest variance. PaCMAP (Wang et al. 2021), t-SNE (van "
        "der Maaten and Hinton 2008) and UMAP (McInnes et al. 2018) keep neighborhoods; the "
        "distances between their groups, and the sizes of these, mean little.",
    ),
    "margin": Term("Margin", "The highest probability minus the second highest."),
    "mce": Term(
        "MCE (maximum calibration error)",
        "The largest difference between confidence and accuracy of any bin, even a bin with one "
        "image.",
    ),
    "mcnemar": Term(
        "McNemar's test",
        "Tests whether two models differ in accuracy, from the images that only one of them "
        "classifies correctly.",
        "It compares two trained runs. Other seeds of the same recipe may differ.",
    ),
    "medoid": Term(
        "Medoid",
        "The most central image of a class: the least sum of distances to its other images.",
    ),
    "mixup": Term(
        "MixUp", "Blends pairs of training images and their labels.", "Zhang et al. 2018."
    ),
    "nll": Term(
        "NLL (negative log-likelihood)",
        "Mean of −log of the probability of the true label; 0 is best.",
        "It is the cross-entropy loss that training minimizes.",
    ),
    "occlusion": Term(
        "Occlusion",
        "Attribution by hiding: how much the score falls when a square is painted black.",
        "Zeiler and Fergus 2014.",
    ),
    "out_of_distribution": Term(
        "Out of distribution",
        "An input unlike anything the model was trained on, such as a drawing of a cat.",
        "The in-distribution score says how much an input looks like a garment.",
    ),
    "overfitting": Term(
        "Overfitting",
        "The model gets better on the training images and worse on others.",
        "Its onset is the epoch with the lowest validation loss.",
    ),
    "precision": Term(
        "Precision", "Of the images predicted as a class, the share that belongs to it."
    ),
    "prediction_set": Term(
        "Prediction set",
        "As many classes as it takes to hold the true one with a chosen probability, the coverage.",
        "Calibrated on the validation images by split conformal prediction: a class belongs to the "
        "set if its probability reaches a threshold that was high enough for as many validation "
        "images. Vovk et al. 2005; Sadinle et al. 2019.",
    ),
    "recall": Term("Recall", "Of the images of a class, the share that is predicted as it."),
    "reliability": Term(
        "Reliability diagram",
        "Accuracy against confidence, in bins; a calibrated model lies on the diagonal.",
        "Bins below the diagonal mean that the model is overconfident.",
    ),
    "sanity_check": Term(
        "Sanity check of attributions",
        "The same map from a network with random weights: if it looks alike, the map does not show "
        "what the network has learned.",
        "Similarity is measured by Spearman's rank correlation and by structural similarity. "
        "Adebayo et al. 2018.",
    ),
    "selective_prediction": Term(
        "Selective prediction",
        "The model answers only above a confidence threshold; coverage is the share it answers.",
        "The higher the threshold, the fewer answers and the fewer errors among them.",
    ),
    "temperature": Term(
        "Temperature",
        "A number that divides the logits: above 1, confidence falls; the predicted label stays.",
        "Fitted on the validation images, it calibrates a model. Guo et al. 2017.",
    ),
    "trustworthiness": Term(
        "Trustworthiness",
        "Whether neighbors on a map are neighbors in the feature space, too; 1 is best.",
        "Of the ten nearest on the map, weighted by how far away the wrong ones really are. Venna "
        "and Kaski 2001.",
    ),
    "tta": Term(
        "TTA (test-time augmentation)",
        "Averages the predictions over several versions of an image, such as its mirror image.",
        "Accuracy over several views costs as many evaluations, so it is reported separately.",
    ),
    "validation": Term(
        "Validation split",
        "5,000 training images held out to choose the epoch and the settings.",
        "The test split is used once, at the end, so that it stays a fair measure.",
    ),
    "warm_up": Term(
        "Warm-up", "The learning rate rises over the first steps, which keeps them stable."
    ),
    "weight_decay": Term(
        "Weight decay", "Pulls the weights toward 0 at every step, against overfitting."
    ),
}
"""Terms by a name to refer to them, sorted by title."""


def short(name: str) -> str:
    """The definition of a term, for the help text of a page.

    Raises
    ------
    KeyError
        If there is no such term.
    """
    return TERMS[name].short
