"The recurrent network: the cell, then the sequence."
