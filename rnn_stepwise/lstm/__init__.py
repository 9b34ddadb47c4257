"The LSTM: the gates and the cell, then the sequence."
