"""Images and labels: Fashion-MNIST, its splits, its download, and the ten class names."""
