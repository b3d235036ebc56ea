"""What is told when a training, several seeds or a sweep ends: in words, and to a webhook."""
