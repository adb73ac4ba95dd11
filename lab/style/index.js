import './home.css';
import './packaging.css';
