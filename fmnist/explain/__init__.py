"""Why a classifier predicts what it does: attributions, feature maps, embeddings."""
