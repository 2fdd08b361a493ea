"""The dream core: the only home of TensorFlow and Keras."""
